"""Handing files over to an inbox, and looking what it has kept."""


def hand_over(inbox, **files):
    """Hand over files, whose names have __ for the dot, in parts of 100 bytes."""
    return deliver(inbox, {name.replace("__", "."): data for name, data in files.items()})


def deliver(inbox, files):
    """Hand over files in parts of 100 bytes, which do not end where a file does."""
    delivery = inbox.receive((name, len(data)) for name, data in files.items())
    row = b"".join(files.values())
    for offset in range(0, len(row), 100):
        delivery.write(offset, row[offset : offset + 100])
    return delivery.finish()


def files_of(folder):
    """Return the files below a folder as a page sends them: path from the folder above -> bytes."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder.parent).as_posix(): path.read_bytes() for path in paths}


def kept(inbox):
    """Return all files of the inbox, also hidden ones."""
    return sorted(path.relative_to(inbox.folder).as_posix() for path in inbox.folder.rglob("*") if path.is_file())
