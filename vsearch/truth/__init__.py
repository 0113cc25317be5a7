"""What is known of pictures: captions, labels, queries with their answers, splits.

    values     the three kinds of truth, as frozen values
    read       a file or a folder -> one of them, whatever its format
    sheet      what every format is read as: rows with columns, one picture a row
    delimited  CSV, TSV and what is like them -> a sheet
    json_file  COCO, Karpathy and JSON Lines -> a sheet
    folders    a folder of class folders, or of pictures -> a sheet
    write      a sheet with splits -> CSV, which is a truth again

Reading opens no picture and no index; it looks whether pictures are there only to find out below
which folder they are.
"""
