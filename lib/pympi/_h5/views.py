"""Datasets that are read as something else: d.astype(…), d.asstr(), d.fields(…).

SPDX-License-Identifier: MIT
"""
import numpy as np


def as_array(self, dtype=None, copy=True):
    """All elements, for numpy.asarray. Local."""
    if copy is False:
        raise ValueError("memory allocation cannot be avoided: the elements are in a file")
    array = np.asarray(self[...])
    return array if dtype is None else array.astype(dtype)


class View:
    """What all have in common: v[…] reads, len(v), shape, ndim, size, dtype."""
    dtype = np.dtype(object)
    __array__ = as_array

    def __init__(self, dataset):
        self._dataset = dataset

    def __len__(self):
        return len(self._dataset)

    @property
    def shape(self):
        return self._dataset.shape

    @property
    def ndim(self):
        return self._dataset.ndim

    @property
    def size(self):
        return self._dataset.size


class Cast(View):
    """d.astype(dtype)."""

    def __init__(self, dataset, dtype):
        super().__init__(dataset)
        self.dtype = dtype

    def __getitem__(self, args):
        return self._dataset.__getitem__(args, new_dtype=self.dtype)


class Texts(View):
    """d.asstr(encoding, errors)."""

    def __init__(self, dataset, encoding, errors):
        super().__init__(dataset)
        self._how = encoding, errors

    def __getitem__(self, args):
        value = self._dataset[args]
        if isinstance(value, bytes):
            return value.decode(*self._how)
        return np.array([v.decode(*self._how) for v in value.flat], "O").reshape(value.shape)


class Fields(View):
    """d.fields(names)."""

    def __init__(self, dataset, names):
        super().__init__(dataset)
        self._names = (names,) if isinstance(names, str) else tuple(names)
        chosen = dataset._chosen(self._names, None)
        self.dtype = chosen[0] if isinstance(names, str) else chosen

    def __getitem__(self, args):
        return self._dataset[(*self._names, *(args if isinstance(args, tuple) else (args,)))]
