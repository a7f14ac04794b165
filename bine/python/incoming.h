// A listening socket whose connections get Python protocols.
#pragma once

#include "bine/base/ref.h"
#include "bine/net/listener.h"
#include "bine/python/kept.h"
#include "bine/python/state.h"

namespace bine::python {

class Loop;
struct TlsSide;

// What the lane does with a connection that is there. Counted, as one may be on its way when the listening ends.
struct Acceptance final : Counted {
    Kept make_protocol;  // the protocol factory; null for a transport that is there
    Kept transport;      // of a connection that was made here
    Kept server;         // an asyncio server, or null
    Kept context;
    Kept extra;  // a dict for the transport, or null
    // For who connects: the transport, or why there is none, is kept here and reported nowhere else.
    bool keeps = false;
    Kept exception;
};

// How connections of Python's protocols behave.
ConnectionOptions options_for_python() noexcept;

class Incoming final {
public:
    // `tls` may be null.
    Incoming(Loop& loop, PyObject* make_protocol, PyObject* server, PyObject* context, const TlsSide* tls);

    // Listens on a copy of the descriptor.
    Result<> open(int fd);
    // Of a loop in a world: there.
    Result<> open(const Address& address, int backlog);
    int traverse(visitproc visit, void* arg) noexcept;

private:
    Ref<Acceptance> acceptance_;
    Listener listener_;
};

// Makes protocols that hand each connection to the lane. `tls` may be null.
Factory factory_for(Loop& loop, Ref<Acceptance> acceptance, const TlsSide* tls);
// What is told by get_extra_info of a transport that is TLS. Null with an error set.
Object extra_for(const TlsSide& tls, PyObject* before = nullptr);

}  // namespace bine::python
