"""Pictures: finding the files, and turning any of them into what a model reads.

The story of one file, each step in the module of its name:

    find        a folder -> the files that may be pictures, and what was passed over and why
    ignore      .gitignore, .ignore, .vsearchignore: which of them a person wants left alone
    read        a path -> the whole file as bytes, and the hash of its content
    formats     which kinds of picture we open, by their suffixes and by their first bytes
    decode      bytes -> an upright RGB picture at a sufficient scale, and its facts
      raster      the formats Pillow knows, JPEG at a reduced scale
      raw         the same for the raw files of cameras
      extent      where the picture is in one that was decoded at a fraction of its size
      color       any pixel mode -> RGB as a person sees it: transparency on white, 16 bits to 8
      facts       when it was taken and with what, by EXIF and XMP
      labels      the keywords in the file: XMP, IPTC and those of Windows
      xmp         what both find in the XMP of a file
    crop        a part of a picture, for a query
    preprocess  an RGB picture -> model input (size, size, 3) uint8
    limits      how much of this machine's memory one picture may take
    perceptual  an RGB picture -> 256 bits that edits hardly change, for telling near-duplicates
    load        from bytes to model input in one function
    isolation   the same in processes of their own, which a hostile file may crash, hang or starve

And back, for a person:

    thumbnail   paths -> small pictures, decoded in isolation, and their WebP
    sheet       pictures with words below -> one picture, a contact sheet
    reencode    a picture in another format or size, to measure decoding with

The only third-party libraries here are Pillow, pillow-heif, rawpy, defusedxml, xxhash and numpy,
each imported inside the functions that need it. Nothing here prints; what cannot be used is raised
as `ImageError` or yielded as `PassedOver`, with exactly one `SkipReason`.
"""
