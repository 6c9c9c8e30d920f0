"""Every error that a user may see; each one says what can be done about it.

SegAppError
├── SourceError            something outside could not give what was asked of it
│   ├── UnreachableError   the server is not there, or does not answer in time, or this computer cannot read just now
│   ├── RefusedError       the server does not accept the key or the password
│   ├── MissingError       there is nothing of that name
│   └── UnreadableError    it is there, but it is corrupt or of an unknown format
├── StorageError           something could not be written; what was there is untouched
│   ├── NameTakenError     a file of that name exists, and nothing is ever overwritten
│   ├── UnsafeNameError    the name leads outside of its folder, or cannot be stored
│   ├── ForbiddenError     the place is there, but does not let this user write
│   └── DamagedError       it arrived otherwise than it was sent, and must not be used
├── SegmenterError         the model cannot be loaded, or cannot answer
│   └── AwayError          it runs elsewhere, and does not answer now
├── BusyError              something that is on its way has to be done first: try again in a moment
└── SettingsError          a setting has a value that makes no sense
"""


class SegAppError(Exception):
    """Carry a message that names the value, the rule and the way out."""


class SourceError(SegAppError):
    """Say that something outside could not give what was asked of it."""


class UnreachableError(SourceError):
    """Say that a server is not there or does not answer in time, or that this computer cannot read just now."""


class RefusedError(SourceError):
    """Say that a server does not accept the key or the password."""


class MissingError(SourceError):
    """Say that there is nothing of that name."""


class UnreadableError(SourceError):
    """Say that the bytes are there, but are corrupt or of an unknown format."""


class StorageError(SegAppError):
    """Say that something could not be written; what was there is untouched."""


class NameTakenError(StorageError):
    """Say that a file of that name exists; nothing is ever overwritten."""


class UnsafeNameError(StorageError):
    """Say that a name leads outside of its folder, or cannot be stored."""


class ForbiddenError(StorageError):
    """Say that a place is there, but does not let this user write."""


class DamagedError(StorageError):
    """Say that something arrived otherwise than it was sent; what arrived must not be used."""


class SegmenterError(SegAppError):
    """Say that the model cannot be loaded, or cannot answer."""


class AwayError(SegmenterError):
    """Say that the model runs elsewhere, and does not answer now; what was asked can be asked again later."""


class BusyError(SegAppError):
    """Something that is on its way has to be done first: try again in a moment."""


class SettingsError(SegAppError):
    """Say that a setting has a value that makes no sense."""
