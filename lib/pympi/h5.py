"""HDF5 files, read and written by all ranks: h5py's names, and no call that can hang or leave half a file.

``with h5.File("x.h5", "w") as f: f.save("u", local, split=0)`` writes a distributed array, ``h5.File("x.h5")["u"]
.mine()`` reads this rank's share. What is collective and what is local each docstring says: looking and
``d[...]`` are local, changing and sharing out are collective. SPDX-License-Identifier: MIT
"""
from pympi._agree import Disagreement
from pympi._h5.attributes import Empty
from pympi._h5.checkpoints import Damaged, Split, checkpoint, restore
from pympi._h5.datasets import Dataset
from pympi._h5.dtypes import (
    Reference, RegionReference, check_enum_dtype, check_opaque_dtype, check_ref_dtype, check_string_dtype,
    check_vlen_dtype, enum_dtype, opaque_dtype, ref_dtype, regionref_dtype, string_dtype, vlen_dtype)
from pympi._h5.files import File, is_hdf5
from pympi._h5.groups import ExternalLink, Group, HardLink, SoftLink
from pympi._h5.objects import Datatype
from pympi._h5.attributes import Attributes as AttributeManager
from pympi._h5.report import report
from pympi._h5.selections import MultiBlockSlice

__all__ = [
    "AttributeManager", "Damaged", "Dataset", "Datatype", "Disagreement", "Empty", "ExternalLink", "File", "Group",
    "HardLink", "MultiBlockSlice", "Reference", "RegionReference", "SoftLink", "Split", "check_enum_dtype",
    "check_opaque_dtype", "check_ref_dtype", "check_string_dtype", "check_vlen_dtype", "checkpoint", "enum_dtype", "is_hdf5",
    "opaque_dtype", "ref_dtype", "regionref_dtype", "report", "restore", "string_dtype", "vlen_dtype"]
