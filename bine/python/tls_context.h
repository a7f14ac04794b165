// bine.TLSContext: bine's own TLS for Python, used where asyncio takes an ssl.SSLContext.
//
// Immutable but for reload(). Everything needs the GIL.
#pragma once

#include <optional>
#include <string>

#include "bine/python/state.h"
#include "bine/tls/context.h"
#include "bine/tls/protocols.h"

namespace bine {
class Transport;
}

namespace bine::python {

// One side of a connection, as Python asked for it.
struct TlsSide {
    // Of Python's arguments: a TLSContext, the name that the certificate must be for (None: none is known), and seconds
    // (None: as bine has it). Nothing, with an error set, when they do not go together.
    static std::optional<TlsSide> read(const State& state, PyObject* context, bool is_server, PyObject* name,
                                       PyObject* timeout);

    PyObject* object;  // the TLSContext, borrowed
    tls::Context context;
    bool is_server;
    std::string name;
    tls::HandshakeOptions options;
};

// The context itself, for clients or servers. Null with an error set.
const tls::Context* tls_context_of(const State& state, PyObject* object, bool is_server);

// What get_extra_info(key) answers for a transport that is TLS; null without an error where there is nothing of that name.
PyObject* tls_info(const bine::Transport& transport, PyObject* key);

}  // namespace bine::python
