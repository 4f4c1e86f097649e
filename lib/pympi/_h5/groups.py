"""Groups.

SPDX-License-Identifier: MIT
"""
from collections.abc import ItemsView, KeysView, MutableMapping, ValuesView

import numpy as np

import _pympi_h5 as _h5

from pympi._h5 import dtypes, shares
from pympi._h5.attributes import _key
from pympi._h5.datasets import Dataset
from pympi._h5.making import make_dataset, parameters
from pympi._h5.objects import Base, Datatype


class SoftLink:
    """A name for a path in the same file: f["name"] = SoftLink("/path")."""

    def __init__(self, path):
        self.path = str(path)

    def __repr__(self):
        return f'<SoftLink to "{self.path}">'


class ExternalLink:
    """A name for a path in another file: f["name"] = ExternalLink("file.h5", "/path")."""

    def __init__(self, filename, path):
        self.filename, self.path = str(filename), str(path)

    def __repr__(self):
        return f'<ExternalLink to "{self.path}" in file "{self.filename}">'


class HardLink:
    """What get(name, getlink=True) gives for an object's own name."""


class Group(Base, MutableMapping):
    """A group: a mapping of names to groups, datasets and types.

    Looking is local; what changes the group is collective over the file's comm, with equal arguments.
    """
    __hash__ = Base.__hash__
    __eq__ = Base.__eq__

    # ---- looking ----

    def __getitem__(self, name):
        self._state.need_open("getitem")
        if isinstance(name, dtypes.Reference):
            return self._dereferenced(name)
        key = _key(name)
        try:
            return self._wrapped(_h5.object_open(self._id, key))
        except Exception:
            if self._leads(key):
                raise
        raise KeyError(f"Unable to open object (object {_shown(name)!r} doesn't exist)")

    def _leads(self, key):
        """Whether a path leads to an object, without asking HDF5 for more than it says without an error."""
        at = b""
        if key.startswith(b"/"):
            at = b"/"
        for part in key.split(b"/"):
            if part in (b"", b"."):
                continue
            at += part
            if not _link_exists(self._id, at) or not _h5.object_exists(self._id, at):
                return False
            at += b"/"
        return key != b""

    def _dereferenced(self, reference):
        if not reference:
            raise ValueError("Invalid HDF5 object reference")
        is_region = isinstance(reference, dtypes.RegionReference)
        try:
            return self._wrapped(_h5.object_dereference(self._id, reference.data, is_region))
        except (OSError, RuntimeError, KeyError) as e:
            raise ValueError(f"Unable to dereference object: {e}") from None

    def _wrapped(self, id):
        kind, _, file = _h5.object_about(id)
        cls = {"g": Group, "d": Dataset, "t": Datatype}.get(kind)
        if cls is None:
            raise TypeError("Unknown object type")
        return cls(self._state if file == self._state.number else self._state.beside(id), id)

    def get(self, name, default=None, getclass=False, getlink=False):
        """get(name, default=None, getclass=False, getlink=False)

        What is under the name, or default; its class; the link (HardLink, SoftLink, ExternalLink) or its class.
        Local.
        """
        if getlink:
            key = _key(name)
            if not _h5.link_exists(self._id, key):
                return default
            kind, *where = _h5.link_about(self._id, key)
            cls = {"hard": HardLink, "soft": SoftLink, "external": ExternalLink}[kind]
            return cls if getclass else cls(*(w.decode("utf-8", "surrogateescape") for w in where))
        try:
            thing = self[name]
        except KeyError:
            return default
        return type(thing) if getclass else thing

    def __contains__(self, name):
        if not self._state.is_open:
            return False
        if isinstance(name, dtypes.Reference):
            return bool(name)
        key = _key(name)
        folder, _, last = key.rstrip(b"/").rpartition(b"/")
        if not key:
            return False
        if not last or last == b".":
            return not folder or self._leads(folder)
        return (not folder or self._leads(folder)) and _link_exists(self._id, key.rstrip(b"/"))

    def __iter__(self):
        self._state.need_open("keys")
        return iter([name.decode("utf-8", "surrogateescape") for name in _h5.link_names(self._id)])

    def __len__(self):
        self._state.need_open("len")
        return _h5.link_count(self._id)

    def __reversed__(self):
        return reversed(list(self))

    def keys(self):
        """keys(): the names, as they are at any time. Local."""
        return _Keys(self)

    def values(self):
        """values(): what they stand for; None for a link that leads nowhere. Local."""
        return _Values(self)

    def items(self):
        """items(): pairs of both. Local."""
        return _Items(self)

    def _ipython_key_completions_(self):
        return sorted(self)

    def visit(self, func):
        """visit(func): func(name) for all below, till it gives something else than None, which is returned. Local."""
        return self.visititems(lambda name, _: func(name))

    def visititems(self, func):
        """visititems(func): func(name, object) likewise; an object of several names once. Local."""
        seen = {_h5.object_about(self._id)[1:]}
        return self._visit("", func, seen)

    def visit_links(self, func):
        """visit_links(func): func(name) for all links below, wherever they lead, else as visit(). Local."""
        return self.visititems_links(lambda name, _: func(name))

    def visititems_links(self, func):
        """visititems_links(func): func(name, link) likewise, as get(name, getlink=True) gives it. Local."""
        return self._visit_links("", func, {_h5.object_about(self._id)[1:]})

    def _visit_links(self, prefix, func, seen):
        for name in self:
            link = self.get(name, getlink=True)
            result = func(prefix + name, link)
            thing = self[name] if result is None and isinstance(link, HardLink) else None
            if isinstance(thing, Group) and _h5.object_about(thing._id)[1:] not in seen:
                seen.add(_h5.object_about(thing._id)[1:])
                result = thing._visit_links(f"{prefix}{name}/", func, seen)
            if result is not None:
                return result
        return None

    def _visit(self, prefix, func, seen):
        for name in self:
            if self.get(name, getlink=True, getclass=True) is not HardLink:
                continue
            thing = self[name]
            about = _h5.object_about(thing._id)[1:]
            if about in seen:
                continue
            seen.add(about)
            result = func(prefix + name, thing)
            if result is None and isinstance(thing, Group):
                result = thing._visit(f"{prefix}{name}/", func, seen)
            if result is not None:
                return result
        return None

    # ---- changing ----

    def _named(self, name):
        return ("in", self.name), ("name", name)

    def _checked(self, call, words, prepare):
        """prepare() on this rank, whose exception is everybody's; then what it gives, on all."""
        with self._state.prepared(call):
            self._state.need_write(call)
            act = prepare()
        return self._state.change(call, words, act)

    def create_group(self, name, track_order=None):
        """create_group(name, track_order=None): a new group, and those on the way to it; without a name with None.

        Collective over the file's comm. Raises ValueError when the name is taken.
        """
        def prepare():
            key = None if name is None else _key(name)
            if key is not None:
                self._refuse_taken("create group", key)
            return lambda: _h5.group_create(self._id, key, bool(track_order))
        id = self._checked("create_group", (*self._named(name), ("track_order", track_order)), prepare)
        return Group(self._state, id)

    def _refuse_taken(self, what, key):
        ends = [at for at in range(1, len(key)) if key[at:at + 1] == b"/"]
        for above in (key[:at] for at in ends):
            if self._leads(above) and not isinstance(self[above], Group):
                raise ValueError(f"Unable to {what} {_shown(key)!r} ({_shown(above)!r} is no group)")
        if self._leads(key) or _has(self._id, key):
            raise ValueError(f"Unable to {what} (name already exists: {_shown(key)!r})")

    def _required(self, call, name, words, make, check):
        """What is there, when check() finds it fit, else what make() gives."""
        state, thing = self._state, None
        with state.prepared(call):
            state.need_open(call)
            if name in self:
                thing = self[name]
                check(thing)
        if thing is None:
            return make()
        if state.writes:
            state.team.agree(call, (*self._named(name), *words))
        return thing

    def require_group(self, name):
        """require_group(name): the group, which is made if it is not there.

        Collective over the file's comm; local where the file is open to read only. Raises TypeError when the name is
        something else's.
        """
        def check(thing):
            if not isinstance(thing, Group):
                raise TypeError(f"Incompatible object ({type(thing).__name__}) already exists")
        return self._required("require_group", name, (), lambda: self.create_group(name), check)

    def create_dataset(self, name, shape=None, dtype=None, data=None, **options):
        """create_dataset(name, shape=None, dtype=None, data=None, **options)

        A new dataset. Collective over the file's comm, with equal arguments; data, too, is the whole and equal
        on all ranks (for parts see File.save and Dataset.write).

        options: chunks (a shape, True: chosen), maxshape, compression ("gzip", "szip", "lzf", a level or a
        filter's number), compression_opts, shuffle, fletcher32, scaleoffset, fillvalue, track_times,
        track_order, compact. Raises ValueError and TypeError as h5py does, on all ranks.
        """
        with self._state.prepared("create_dataset"):
            self._state.need_write("create_dataset")
            key = None if name is None else _key(name)
            if key is not None:
                self._refuse_taken("create dataset", key)
            wish = parameters(shape, dtype, data, options)

        def act():
            return make_dataset(self._id, key, wish)
        id = self._state.change("create_dataset", (*self._named(name), *wish.words()), act, fills=True)
        dataset = Dataset(self._state, id)
        if wish.data is not None and wish.data.size:
            dataset.put_alike(wish.data)
        return dataset

    def require_dataset(self, name, shape, dtype, exact=False, **options):
        """require_dataset(name, shape, dtype, exact=False, **options)

        The dataset of this shape (or, where maxshape is given, of this maxshape) and (exactly, or one that it can be
        cast from) this type, made if it is not there. Collective over the file's comm; local where the file is open
        to read only. Raises TypeError when another is there.
        """
        words = ("shape", shape), ("dtype", str(dtype)), ("exact", exact), ("options", options)
        return self._required(
            "require_dataset", name, words, lambda: self.create_dataset(name, shape, dtype, **options),
            lambda thing: _refuse_other(thing, shape, dtypes.plain(dtype), exact, options))

    def create_dataset_like(self, name, other, **options):
        """create_dataset_like(name, other, **options): of the shape, type and storage of another.

        Collective over the file's comm.
        """
        with self._state.prepared("create_dataset_like"):
            for key in "shape", "dtype", "chunks", "compression", "compression_opts", "scaleoffset", "shuffle", \
                    "fletcher32", "fillvalue", "track_times":
                options.setdefault(key, getattr(other, key))
            if other.maxshape != other.shape:       # it would make chunks of what has none
                options.setdefault("maxshape", other.maxshape)
        return self.create_dataset(name, **options)

    def __setitem__(self, name, value):
        links = {SoftLink: lambda: (None, _key(value.path)),
                 ExternalLink: lambda: (value.filename.encode(), _key(value.path))}
        if type(value) in links:
            def prepare():
                file, path = links[type(value)]()
                key = _key(name)
                self._refuse_taken("create link", key)
                return lambda: _h5.link_soft(self._id, key, file, path)
            self._checked("setitem", (*self._named(name), ("link", repr(value))), prepare)
        elif isinstance(value, Base):
            def prepare():
                key = _key(name)
                self._refuse_taken("create link", key)
                return lambda: _h5.link_hard(value._id, self._id, key)
            self._checked("setitem", (*self._named(name), ("object", value.name)), prepare)
        elif isinstance(value, np.dtype):
            def prepare():
                key, type_id = _key(name), dtypes.make(value)
                self._refuse_taken("create type", key)
                return lambda: _h5.type_commit(self._id, key, type_id)
            self._checked("setitem", (*self._named(name), ("dtype", str(value))), prepare)
        else:
            self.create_dataset(name, data=value)

    def __delitem__(self, name):
        def prepare():
            key = _key(name)
            if not _has(self._id, key):
                raise KeyError(f"Couldn't delete link (name doesn't exist: {_shown(name)!r})")

            def act():
                self._state.freed = True
                _h5.link_delete(self._id, key)
            return act
        self._checked("del", self._named(name), prepare)

    def copy(self, source, dest, name=None, shallow=False, expand_soft=False, expand_external=False,
             expand_refs=False, without_attrs=False):
        """copy(source, dest, name=None, shallow=False, …): copies an object, with all that is in it.

        Collective over the file's comm. source is an object, of any file, or a name here; dest is a name here,
        or a group in which it gets the name.
        """
        where, flags = self, (shallow, expand_soft, expand_external, expand_refs, without_attrs)

        def prepare():
            thing = source if isinstance(source, Base) else self[source]
            new = _key(name or (thing.name.rpartition("/")[2] if isinstance(dest, Group) else dest))
            where._refuse_taken("copy", new)
            return lambda: _h5.object_copy(thing._id, where._id, new, *map(bool, flags))
        if isinstance(dest, Group):
            where = dest
        words = (("in", where.name), ("source", getattr(source, "name", source)), ("name", name or str(dest)))
        where._checked("copy", words, prepare)

    def move(self, source, dest):
        """move(source, dest): gives an object another name. Collective over the file's comm."""
        def prepare():
            old, new = _key(source), _key(dest)
            if not _has(self._id, old):
                raise KeyError(f"Couldn't move link (name doesn't exist: {_shown(source)!r})")
            if old != new:
                self._refuse_taken("move link", new)
            return lambda: None if old == new else _h5.link_move(self._id, old, self._id, new)
        self._checked("move", (("in", self.name), ("source", source), ("dest", dest)), prepare)

    def save(self, name, local, split=0, **options):
        """save(name, local, split=0, **options): writes a distributed array as a new dataset; gives that.

        Collective over the file's comm. local is this rank's part, an array; the parts lie behind each other along
        the axis split, in the order of the ranks, and may differ in length, down to 0. split=None: local is the
        whole, equal on all ranks. options are those of create_dataset. Raises ValueError where the shapes
        do not fit and h5.Disagreement where the types differ, on all ranks.
        """
        return shares.save(self, name, local, split, options)

    def __repr__(self):
        if not self:
            return "<Closed HDF5 group>"
        return f'<HDF5 group "{self.name}" ({len(self)} members)>'


def _refuse_other(thing, shape, dtype, exact, options):
    """Raises TypeError where a thing is not the dataset that is required."""
    if not isinstance(thing, Dataset):
        raise TypeError(f"Incompatible object ({type(thing).__name__}) already exists")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if thing.shape != shape:
        if "maxshape" not in options:
            raise TypeError(f"Shapes do not match (existing {thing.shape} vs new {shape})")
        if options["maxshape"] != thing.maxshape:
            raise TypeError(f"Max shapes do not match (existing {thing.maxshape} vs new {options['maxshape']})")
    if exact and dtype != thing.dtype or not np.can_cast(dtype, thing.dtype):
        raise TypeError(f"Datatypes cannot be safely cast (existing {thing.dtype} vs new {dtype})")


class _Keys(KeysView):
    def __reversed__(self):
        return reversed(self._mapping)


class _Values(ValuesView):
    def __iter__(self):
        return (self._mapping.get(key) for key in self._mapping)

    def __contains__(self, value):
        return any(value == one for one in self)

    def __reversed__(self):
        return (self._mapping.get(key) for key in reversed(self._mapping))


class _Items(ItemsView):
    def __iter__(self):
        return ((key, self._mapping.get(key)) for key in self._mapping)

    def __contains__(self, item):
        key, value = item
        return key in self._mapping and value == self._mapping.get(key)

    def __reversed__(self):
        return ((key, self._mapping.get(key)) for key in reversed(self._mapping))


def _has(id, key):
    """Whether a link is there, of a path whose groups may not be."""
    at = b"/" if key.startswith(b"/") else b""
    for part in key.split(b"/"):
        if part in (b"", b"."):
            continue
        at += part
        if not _link_exists(id, at):
            return False
        at += b"/"
    return True


def _link_exists(id, path):
    """Whether a group has such a link; a dataset has none."""
    try:
        return _h5.link_exists(id, path)
    except KeyError:
        return False


def _shown(name):
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
