// What a program writes to speak over a connection: callbacks, in the manner of Twisted.
//
// Reentrancy: every callback may call any method of its transport. None is called from inside a call of the protocol's
// own: write, close and abort never call back. Lifetime: a protocol is owned by its connection and destroyed after
// connection_lost (or after replace_protocol), at the end of the turn. An exception out of a callback aborts the
// connection and is the reason of its end.
#pragma once

#include <memory>
#include <string_view>

#include "bine/base/descriptor.h"
#include "bine/base/function.h"
#include "bine/net/close_reason.h"

namespace bine {

class Transport;

class Protocol {
public:
    Protocol() = default;
    Protocol(const Protocol&) = delete;
    Protocol& operator=(const Protocol&) = delete;
    virtual ~Protocol();

    // First, once. `transport` is valid until connection_lost returns.
    virtual void connection_made(Transport& transport) = 0;

    // Bytes have come, in order, in pieces of any size. `bytes` is valid during the call only.
    virtual void data_received(std::string_view bytes) = 0;

    // The other side will send no more. Answer true to keep our direction open (and close it later), false to have the
    // connection closed once what is queued has left.
    virtual bool end_received() { return false; }

    // A descriptor came along with the bytes that follow. Only over Unix sockets; unwanted ones are closed.
    virtual void descriptor_received(Descriptor descriptor);

    // What is queued to be sent passed the high mark: stop producing until it has fallen to the low one.
    virtual void writing_paused() {}
    virtual void writing_resumed() {}

    // Last, exactly once, if connection_made was called.
    virtual void connection_lost(const CloseReason& reason) { (void)reason; }
};

// Makes the protocol of a new connection. Null refuses the connection.
using Factory = Function<std::unique_ptr<Protocol>()>;

}  // namespace bine
