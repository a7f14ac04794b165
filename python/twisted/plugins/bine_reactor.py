"""What makes bine a reactor that Twisted's commands know: ``trial --reactor=bine``, ``twistd --reactor=bine``."""

from twisted.application.reactors import Reactor

bine = Reactor("bine", "bine.twisted", "Twisted's asyncio reactor on bine's loop and transports, in C++.")
