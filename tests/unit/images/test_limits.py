"""How much memory a picture may take, from what the system says."""

import pytest

from vsearch.images import limits

GIGABYTE = 1 << 30
FILES = dict[str, list[str]]

V2 = {
    "/proc/meminfo": ["MemTotal: 99999999 kB", f"MemAvailable: {16 * GIGABYTE >> 10} kB"],
    "/proc/self/cgroup": ["0::/user/app"],
    "/sys/fs/cgroup/user/app/memory.max": ["max"],
    "/sys/fs/cgroup/user/memory.max": [str(8 * GIGABYTE)],
    "/sys/fs/cgroup/user/memory.current": [str(5 * GIGABYTE)],
    "/sys/fs/cgroup/user/memory.stat": ["anon 1", f"inactive_file {GIGABYTE}"],
}
V1 = {
    "/proc/meminfo": [f"MemAvailable: {16 * GIGABYTE >> 10} kB"],
    "/proc/self/cgroup": ["5:cpu:/x", "4:memory:/docker/abc", "0::/"],
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": [str(2 * GIGABYTE)],
    "/sys/fs/cgroup/memory/memory.usage_in_bytes": [str(GIGABYTE)],
    "/sys/fs/cgroup/memory/memory.stat": [f"total_inactive_file {GIGABYTE // 2}"],
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (V2, 4 * GIGABYTE),
        (V1, 3 * GIGABYTE // 2),
        ({"/proc/meminfo": V2["/proc/meminfo"]}, 16 * GIGABYTE),
    ],
    ids=["cgroup 2", "cgroup 1", "no cgroup"],
)
def test_available_is_the_least_of_the_machine_and_its_cgroups(
    monkeypatch: pytest.MonkeyPatch, files: FILES, expected: int
) -> None:
    monkeypatch.setattr(limits, "_lines", lambda path: files.get(path, []))
    assert limits.available_bytes() == expected


@pytest.mark.parametrize(
    ("available", "workers", "expected"),
    [
        (0, 1, 64_000_000),
        (48_000_000_000, 10, 100_000_000),
        (48_000_000_000, 1, 1_000_000_000),
        (1 << 50, 1, 1_000_000_000),
        (9_600_000_000, 0, 200_000_000),
    ],
    ids=["floor", "ten workers", "one worker", "ceiling", "no workers"],
)
def test_the_pixel_limit_follows_its_formula(
    monkeypatch: pytest.MonkeyPatch, available: int, workers: int, expected: int
) -> None:
    monkeypatch.setattr(limits, "available_bytes", lambda: available)
    assert limits.pixel_limit(workers) == expected


def test_this_machine_has_memory() -> None:
    assert limits.available_bytes() > 0
    assert limits.byte_limit(64_000_000) == 512_000_000
