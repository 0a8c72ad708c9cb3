"""Matching of subject names that tables and file names write differently."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from scanvq.imaging.formats import stem_of

_WORDS = {"sub", "subj", "subject", "patient", "pat", "participant", "person", "case", "scan", "id"}

Key = tuple[str, ...]


def name_key(name: str) -> Key:
    """The words and numbers of a name: p_01, P-1 and "p01.nii.gz" have one key; () = no word or number.

    Letter case, Unicode form, separators, leading zeros, suffixes of image files and the ".0" of a number
    that a table program has rounded do not count.
    """
    plain = stem_of(unicodedata.normalize("NFKC", name).strip()).casefold()
    plain = re.sub(r"^(\d+)\.0+$", r"\1", unicodedata.normalize("NFKC", plain))
    return tuple(part.lstrip("0") or "0" for part in re.findall(r"\d+|[^\W\d_]+", plain))


def short_key(name: str) -> Key:
    """`name_key` without leading words such as sub or patient, unless nothing else is there."""
    key = name_key(name)
    first = next((number for number, part in enumerate(key) if part not in _WORDS), 0)
    return key[first:]


def match_names(table: Iterable[str], found: Iterable[str]) -> dict[str, str]:
    """Found name -> name in a table, where the match is unambiguous.

    Equal names match first; then names of one `name_key`, names of one `short_key`, and a name that is
    continued by the other (p01 and p01_T1w). Each name matches at most one other.

    Args:
        table: names in the table.
        found: names of subjects.
    """
    found = dict.fromkeys(found)
    open_ids = dict.fromkeys(table)
    matched = {name: name for name in found if name in open_ids}
    for name in matched:
        del open_ids[name]
    open_names = {name: None for name in found if name not in matched}
    for pairs in (_by_key(name_key), _by_key(short_key), _by_beginning):
        if not (open_ids and open_names):
            break
        for name, identifier in pairs(open_ids, open_names).items():
            matched[name] = identifier
            del open_ids[identifier], open_names[name]
    return matched


class TableKeys:
    """The names of a table by their keys, for names that begin with one.

    Args:
        table: names in the table.
    """

    def __init__(self, table: Collection[str]) -> None:
        self._maps = [(key_of, _unique(table, key_of)) for key_of in (name_key, short_key)] if table else []

    def of(self, name: str) -> str | None:
        """The name in the table with the key of `name`; None if there is none, or several."""
        for key_of, names in self._maps:
            if (identifier := names.get(key_of(name))) is not None:
                return identifier
        return None


def _by_key(key_of: Callable[[str], Key]) -> Callable[[Collection[str], Collection[str]], dict[str, str]]:
    def pairs(ids: Collection[str], names: Collection[str]) -> dict[str, str]:
        id_of = _unique(ids, key_of)
        return {name: id_of[key] for key, name in _unique(names, key_of).items() if key in id_of}

    return pairs


def _by_beginning(ids: Collection[str], names: Collection[str]) -> dict[str, str]:
    """Pairs of a name and the only one that continues it, in either direction."""
    candidates: dict[str, set[str]] = defaultdict(set)
    id_of, name_of = _unique(ids, name_key), _unique(names, name_key)
    for key, identifier in id_of.items():
        if (start := _longest_beginning(key, name_of)) is not None:
            candidates[name_of[start]].add(identifier)
    for key, name in name_of.items():
        if (start := _longest_beginning(key, id_of)) is not None:
            candidates[name].add(id_of[start])
    single = {name: next(iter(found)) for name, found in candidates.items() if len(found) == 1}
    uses = Counter(single.values())
    return {name: identifier for name, identifier in single.items() if uses[identifier] == 1}


def _longest_beginning(key: Key, others: Mapping[Key, str]) -> Key | None:
    """The longest proper beginning of a key among others, with a number in it."""
    beginnings = (key[:length] for length in range(len(key) - 1, 0, -1))
    return next((b for b in beginnings if b in others and any(part.isdecimal() for part in b)), None)


def _unique(names: Iterable[str], key_of: Callable[[str], Key]) -> dict[Key, str]:
    """Key -> name, for keys of a single name."""
    by_key: dict[Key, list[str]] = defaultdict(list)
    for name in names:
        if key := key_of(name):
            by_key[key].append(name)
    return {key: found[0] for key, found in by_key.items() if len(found) == 1}
