"""asyncio's protocol of TLS, for an ``ssl.SSLContext``, with its ends mended.

What differs from the base: what comes after close() is thrown away, as documented, instead of breaking the end of TLS; what
was written before the end is sent before it, however slowly the peer reads; who waits for start_tls() has its answer before
the first data comes; callbacks run in the connection's context; closing twice, or after the peer's end, is no harm.

Before Python 3.11 the base is another one, and is taken as it is.
"""
# The inside of the base has no hints.
# mypy: disable-error-code="assignment, attr-defined, has-type, misc, no-any-return, override, union-attr"

from __future__ import annotations

import asyncio
import contextvars
import ssl
import sys
from asyncio import sslproto
from typing import Any

__all__ = ("SSLProtocol",)


if sys.version_info < (3, 11):
    SSLProtocol = sslproto.SSLProtocol
else:
    from asyncio.sslproto import SSLAgainErrors, SSLProtocolState as State

    class _SSLTransport(sslproto._SSLProtocolTransport):
        """What the protocol over TLS has for its transport."""

        def close(self) -> None:
            """Close when what was written has been sent; nothing more is received."""
            if not self._closed:
                self._closed = True
                self._ssl_protocol._close()
            else:
                self._ssl_protocol._give_up()

        def abort(self) -> None:
            """Close at once; what was not sent is lost."""
            self._force_close(None)

        def _force_close(self, exc: BaseException | None) -> None:
            self._closed = True
            self._ssl_protocol._abort(exc)

        @property
        def _context(self) -> contextvars.Context:
            return self._ssl_protocol._context

    class SSLProtocol(sslproto.SSLProtocol):
        """Between a transport of bytes and a protocol that knows nothing of TLS."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._context = contextvars.copy_context()
            self._has_begun = False  # what comes goes to the protocol
            self._is_unwrapped = False
            self._is_given_up = False
            super().__init__(*args, **kwargs)

        def _get_app_transport(self) -> sslproto._SSLProtocolTransport:
            if self._app_transport is None:
                self._app_transport = _SSLTransport(self._loop, self)
            return self._app_transport

        def _set_app_protocol(self, app_protocol: Any) -> None:
            super()._set_app_protocol(app_protocol)
            # One that says by its methods alone that it is a buffered one.
            if not hasattr(app_protocol, "data_received") and hasattr(app_protocol, "get_buffer"):
                self._app_protocol_get_buffer = app_protocol.get_buffer
                self._app_protocol_buffer_updated = app_protocol.buffer_updated
                self._app_protocol_is_buffer = True

        # The beginning.

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._context = getattr(transport, "_context", None) or self._context
            super().connection_made(transport)

        def _on_handshake_complete(self, handshake_exc: BaseException | None) -> None:
            super()._on_handshake_complete(handshake_exc)
            self._loop.call_soon(self._begin, context=self._context)

        def _begin(self) -> None:
            self._has_begun = True
            self._go_on()

        # Reading.

        def _do_read(self) -> None:
            if self._has_begun:
                super()._do_read()

        def _resume_reading(self) -> None:
            if self._app_reading_paused:
                self._app_reading_paused = False
                self._loop.call_soon(self._go_on, context=self._context)

        def _go_on(self) -> None:
            if self._state is State.WRAPPED:
                self._do_read()
            elif self._state is State.FLUSHING:
                self._do_flush()
            elif self._state is State.SHUTDOWN:
                self._do_shutdown()

        def _discard(self) -> None:
            """Reads what nobody wants any more: TLS does not end before it has been read."""
            try:
                while self._sslobj.read(self.max_size):
                    pass
            except (*SSLAgainErrors, ssl.SSLZeroReturnError):
                pass
            self._control_ssl_reading()

        # Writing.

        def _control_app_writing(self) -> None:
            size = self._get_write_buffer_size()
            limit_is_passed = size <= self._outgoing_low_water if self._app_writing_paused else size >= self._outgoing_high_water
            if limit_is_passed:
                # A copy: whoever writes may be in the context itself.
                self._context.copy().run(super()._control_app_writing)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._state is not State.WRAPPED:
                self._go_on()

        # The end: WRAPPED until one side wants to end, FLUSHING until what was written has been sent, SHUTDOWN until both
        # have said so.

        def _close(self) -> None:
            if self._state is State.FLUSHING:
                self._do_flush()  # the peer's end has waited for reading to be resumed: nobody will read
            else:
                self._start_shutdown()

        def eof_received(self) -> bool:
            stays_open = super().eof_received()
            return bool(stays_open) or self._state in (State.FLUSHING, State.SHUTDOWN)  # it closes itself when all has been sent

        def _do_flush(self) -> None:
            if not self._is_closed_here() and (self._app_reading_paused or not self._has_begun):
                return  # what came before the peer's end is read before it
            if self._shutdown_timeout_handle is None:
                self._shutdown_timeout_handle = self._loop.call_later(self._ssl_shutdown_timeout, self._check_shutdown_timeout)
            try:
                self._discard() if self._is_closed_here() else self._do_read()
                self._do_write()
            except OSError as exc:
                return self._on_shutdown_complete(exc)
            if self._state is State.FLUSHING and not self._get_write_buffer_size():
                self._set_state(State.SHUTDOWN)
                self._do_shutdown()

        def _give_up(self) -> None:
            """Who closes what has ended wants nothing of it any more: with the connection goes what was known of it."""
            self._is_given_up = True
            if self._transport is None:
                self._forget()

        def connection_lost(self, exc: BaseException | None) -> None:
            super().connection_lost(exc)
            if self._is_given_up:
                self._forget()

        def _forget(self) -> None:
            self._sslcontext = self._sslobj = None
            self._extra.clear()

        def _is_closed_here(self) -> bool:
            return self._app_transport is None or self._app_transport._closed

        def _do_shutdown(self) -> None:
            try:
                if not self._is_unwrapped:
                    self._discard()
                    if not self._eof_received:
                        self._sslobj.unwrap()
                    self._is_unwrapped = True
            except SSLAgainErrors:
                self._process_outgoing()
            except ssl.SSLError as exc:
                self._on_shutdown_complete(exc)
            else:
                self._process_outgoing()
                if not self._get_write_buffer_size():
                    self._call_eof_received()
                    self._on_shutdown_complete(None)

        def _abort(self, exc: BaseException | None = None) -> None:
            self._set_state(State.UNWRAPPED)
            if self._transport is not None:
                self._transport._force_close(exc)
