"""Comms of a rank: what widgets and the like have with the notebook's page.

Those of rank 0 lead there. On the other ranks they lead nowhere, but have the same names, so that what all
ranks display is one display. Needs ipykernel, for the classes that widgets are made for; imported only
when a program asks for those. SPDX-License-Identifier: MIT
"""
import base64
import importlib.util
import logging
import sys
import types
import uuid

from pympi import displays, mpi

ASKED_FOR = "ipykernel.comm", "comm"     # modules by whose import a program shows that it wants them


def channel_class():
    """channel_class() -> class

    Jupyter's Session, whose messages go out as lines of a rank's output. Local.
    """
    from jupyter_client.session import Session

    class Channel(Session):
        shell = None

        def send(self, stream, msg_or_type, content=None, parent=None, ident=None, buffers=None,
                 track=False, header=None, metadata=None):
            if isinstance(msg_or_type, dict):
                kind, content = msg_or_type["msg_type"], msg_or_type["content"]
                metadata = msg_or_type.get("metadata")
            else:
                kind = msg_or_type
            if mpi.rank == 0 and kind.startswith("comm_"):
                self.shell.show(displays.COMM, type=kind, content=content, metadata=metadata or {},
                                buffers=[bytes(memoryview(one).cast("B")) for one in buffers or ()])

    return Channel


def make(shell):
    """make(shell) -> ipykernel's Kernel

    One without sockets, as programs know it: `get_ipython().kernel`. Local.
    """
    from ipykernel import comm
    from ipykernel.kernelbase import Kernel

    channel = channel_class()()
    channel.shell = shell
    kernel = Kernel.instance(session=channel, iopub_socket=None, log=logging.getLogger("ipykernel"))
    kernel.shell = shell
    kernel.comm_manager = comm.CommManager(parent=kernel, kernel=kernel)
    begin(kernel, shell.request)
    _name_alike(shell)
    _serve_package(kernel, getattr(sys.modules["ipykernel.comm.comm"], "BaseComm", comm.Comm))
    return kernel


def begin(kernel, request):
    """begin(kernel, request)

    What runs now was asked for by this message: the page shows what comes of it where a widget wants it. Local.
    """
    if kernel is not None:
        kernel.set_parent([], request)


def _name_alike(shell):
    """Comms have the same names on ranks that do the same."""
    ids = types.SimpleNamespace(uuid4=lambda: uuid.uuid5(uuid.NAMESPACE_OID, shell.new_id()))
    for name in "ipykernel.comm.comm", "comm.base_comm":
        if name in sys.modules:
            sys.modules[name].uuid = ids


def _serve_package(kernel, comm_class):
    """From ipykernel 6.18 on programs take their comms of the package `comm`."""
    try:
        import comm
    except ImportError:
        return
    comm.create_comm = lambda *args, **kwargs: comm_class(*args, **kwargs)
    comm.get_comm_manager = lambda: kernel.comm_manager


def take(shell, kernel, message):
    """take(shell, kernel, message)

    A message of the page's: runs what the program wants done then. Local.
    """
    kind, content = message["type"], message["content"]
    if kernel is None:      # nobody here has asked for comms
        if kind == "comm_open":
            shell.show(displays.COMM, type="comm_close", metadata={}, buffers=[],
                       content={"comm_id": content["comm_id"], "data": {}})
        return
    buffers = [memoryview(base64.b64decode(one)) for one in message.get("buffers", ())]
    getattr(kernel.comm_manager, kind)(None, None, {
        "header": {"msg_type": kind}, "parent_header": {}, "msg_type": kind, "content": content,
        "metadata": message.get("metadata", {}), "buffers": buffers})


class Finder:
    """On sys.meta_path: makes the rank's kernel when a program imports what stands on it."""

    def __init__(self, shell):
        self.shell = shell

    def watch(self):
        """From now on; what was imported before is noticed at once."""
        if any(name in sys.modules for name in ASKED_FOR):
            self.shell.kernel   # noqa: B018  which makes it
        else:
            sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        """What is found without us, with a loader that makes the kernel then; None for all other modules."""
        if name not in ASKED_FOR:
            return None
        sys.meta_path.remove(self)      # else making it would come here again
        spec = importlib.util.find_spec(name)
        if spec:
            spec.loader = _Then(spec.loader, self.shell)
        return spec


class _Then:
    """Loads as another loader does, and makes the kernel."""

    def __init__(self, loader, shell):
        self.loader, self.shell = loader, shell

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.shell.kernel   # noqa: B018
