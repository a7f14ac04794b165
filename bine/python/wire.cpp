// The protocol below a Python transport: from bine's callbacks to those of asyncio's protocols.
#include <algorithm>
#include <cstring>

#include "bine/python/in_context.h"
#include "bine/python/loop.h"
#include "bine/python/stream_transport.h"

namespace bine::python {

namespace {

// From here on a copy costs more than what saves it.
constexpr std::size_t kLarge = 8192;

// asyncio's own StreamReader, when that is what the protocol hands on to and it is what it was: its feed_data copies.
// Null otherwise, without an error but one that ends programs.
Object reader_of(const State& state, const StreamTransport& transport) {
    Object reader = Object::owned(PyObject_GetAttr(transport.protocol, state.stream_reader));
    auto* const type = reinterpret_cast<PyObject*>(reader ? Py_TYPE(reader.get()) : nullptr);
    const Object feed =
        type == state.stream_reader_class ? Object::owned(PyObject_GetAttr(type, state.feed_data)) : Object();
    if (PyErr_Occurred() && !is_exit()) PyErr_Clear();
    return feed.get() == state.stream_feed_data ? reader : Object();
}

// Null with an error set.
Object feed(const State& state, PyObject* reader, std::string_view bytes) {
    char* const memory = const_cast<char*>(bytes.data());
    const Object view =
        Object::owned(PyMemoryView_FromMemory(memory, static_cast<Py_ssize_t>(bytes.size()), PyBUF_READ));
    if (!view) return Object();
    Object done =
        Object::owned(in_python([&] { return PyObject_CallMethodOneArg(reader, state.feed_data, view.get()); }));
    // Also when it has failed: an exception keeps the frames that it went through, and those what they were given.
    Object exception = done ? Object() : take_exception();
    const Object released = Object::owned(PyObject_CallMethod(view.get(), "release", nullptr));
    if (!exception) return released ? done : Object();
    PyErr_Clear();
    raise(std::move(exception));
    return Object();
}

// Calls the protocol's data_received. Null with an error set.
Object deliver(const State& state, const StreamTransport& transport, std::string_view bytes) {
    if (bytes.size() >= kLarge && transport.feeds_reader) {
        const Object reader = reader_of(state, transport);
        if (reader || PyErr_Occurred()) return reader ? feed(state, reader.get(), bytes) : Object();
    }
    const Object data = Object::owned(PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
    const Object receive = Object::borrowed(transport.receive);
    return data ? Object::owned(in_python([&] { return PyObject_CallOneArg(receive.get(), data.get()); })) : Object();
}

// Calls a method of the protocol, which may get a successor meanwhile. Null with an error set.
Object call(const StreamTransport& transport, PyObject* method, PyObject* argument = nullptr) {
    const Object protocol = Object::borrowed(transport.protocol);
    return Object::owned(
        in_python([&] { return PyObject_CallMethodObjArgs(protocol.get(), method, argument, nullptr); }));
}

}  // namespace

Wire::Wire(Loop& loop, StreamTransport& transport) : loop_(loop) {
    attach(transport);
    loop_.add_wire(*this);
}

Wire::Wire(Loop& loop, Ref<Acceptance> acceptance) : loop_(loop), acceptance_(std::move(acceptance)) {
    loop_.add_wire(*this);
}

// The reference went in connection_lost: this may run without the GIL.
Wire::~Wire() = default;

void Wire::attach(StreamTransport& transport) noexcept {
    owner_ = &transport;
    Py_INCREF(transport.object());
    transport.wire = this;
}

void Wire::connection_made(bine::Transport& transport) {
    below_ = &transport;
    transport.pause_reading();
    if (owner_) {
        owner_->below = &transport;
    } else {
        loop_.in_lane([this] { welcome(); });
    }
}

// Makes the protocol and the object of a connection that came in. The call was queued in this turn, so this still lives.
void Wire::welcome() {
    const Ref<Acceptance> acceptance = std::move(acceptance_);
    if (!below_) return;
    const Object object = acceptance->transport ? acceptance->transport.share() : make_object(*acceptance);
    if (!object) {
        refused(*acceptance);
        return below_->abort();
    }
    StreamTransport& transport = StreamTransport::of(object.get());
    attach(transport);
    transport.below = below_;
    transport.fd = below_->descriptor();
    transport.is_handshaking = false;
    if (transport.high != StreamTransport::kHigh) below_->set_write_limits(transport.high, transport.low);
    loop_.set_transport(transport.fd, &transport);
    begin();
}

// The protocol and the transport's object of a connection. Null with an error set.
Object Wire::make_object(Acceptance& acceptance) {
    const Object context = Object::owned(PyContext_Copy(acceptance.context.get()));
    if (!context) return Object();
    const InContext inside(context.get());
    const Object protocol =
        Object::owned(in_python([&] { return PyObject_CallNoArgs(acceptance.make_protocol.get()); }));
    if (!protocol) return Object();
    StreamTransport* transport =
        make_transport(loop_, protocol.get(), context.get(), nullptr, acceptance.extra.get(), acceptance.server.get());
    Object object = Object::owned(transport ? transport->object() : nullptr);
    if (acceptance.keeps) acceptance.transport = Kept(object);
    return object;
}

// What the protocol factory raised goes to who connects, or where errors of callbacks go.
void Wire::refused(Acceptance& acceptance) noexcept {
    if (loop_.take_exit()) return;
    if (acceptance.keeps) {
        acceptance.exception = Kept(take_exception());
    } else {
        loop_.incoming_failed();
    }
}

void Wire::begin() {
    const Object kept = Object::borrowed(owner_->object());
    StreamTransport& transport = *owner_;
    if (std::exchange(transport.is_made, true)) return;
    if (!transport.is_taken_over) {
        const InContext inside(transport.context);
        const Object done = call(transport, loop_.state().connection_made, transport.object());
        if (!done) (void)loop_.callback_failed(nullptr);
    }
    if (transport.below && !transport.is_paused && !transport.is_closing) transport.below->resume_reading();
    settle_waiter(transport, nullptr);
}

std::string Wire::give_up_transport() noexcept {
    StreamTransport& transport = *std::exchange(owner_, nullptr);
    transport.wire = nullptr;
    transport.below = nullptr;
    below_ = nullptr;
    loop_.forget_transport(transport.fd, &transport);
    Py_DECREF(transport.object());
    return std::exchange(held_, std::string());
}

void Wire::data_received(std::string_view bytes) {
    if (!owner_ || owner_->is_closing) return;
    const Loop::InPython held(loop_);
    const Object kept = Object::borrowed(owner_->object());
    hand_on(*owner_, bytes);
    if (bytes.size() >= kLarge) loop_.catch_up();
}

void Wire::hand_on(StreamTransport& transport, std::string_view bytes) {
    const InContext inside(transport.context);
    if (transport.is_buffered) return deliver_into_buffers(bytes);
    const Object done = deliver(loop_.state(), transport, bytes);
    if (!done) loop_.protocol_failed(transport, "Fatal error: protocol.data_received() call failed.");
}

void Wire::deliver_into_buffers(std::string_view bytes) {
    while (!bytes.empty()) {
        if (!owner_ || owner_->is_closing) return;
        if (owner_->is_paused) return (void)held_.assign(bytes);
        if (!owner_->is_buffered) return hand_on(*owner_, bytes);
        const std::size_t taken = deliver_into_buffer(bytes);
        if (taken == 0) return;
        bytes.remove_prefix(taken);
    }
}

// Answers how many bytes the protocol has taken; 0 when it has failed.
std::size_t Wire::deliver_into_buffer(std::string_view bytes) {
    StreamTransport& transport = *owner_;
    const Object protocol = Object::borrowed(transport.protocol);
    const Object get_buffer = Object::borrowed(transport.receive);
    const Object hint = Object::owned(PyLong_FromLong(-1));
    const Object memory = Object::owned(in_python([&] { return PyObject_CallOneArg(get_buffer.get(), hint.get()); }));
    Py_buffer buffer{};
    if (!memory || PyObject_GetBuffer(memory.get(), &buffer, PyBUF_WRITABLE) < 0) {
        loop_.protocol_failed(transport, "Fatal error: protocol.get_buffer() call failed.");
        return 0;
    }
    const std::size_t taken = std::min(bytes.size(), static_cast<std::size_t>(buffer.len));
    if (taken > 0) std::memcpy(buffer.buf, bytes.data(), taken);
    PyBuffer_Release(&buffer);
    if (taken == 0) {
        PyErr_SetString(PyExc_RuntimeError, "get_buffer() returned an empty buffer");
        loop_.protocol_failed(transport, "Fatal error: protocol.get_buffer() call failed.");
        return 0;
    }
    const Object count = Object::owned(PyLong_FromSize_t(taken));
    const Object done = Object::owned(in_python(
        [&] { return PyObject_CallMethodOneArg(protocol.get(), loop_.state().buffer_updated, count.get()); }));
    if (done) return taken;
    loop_.protocol_failed(transport, "Fatal error: protocol.buffer_updated() call failed.");
    return 0;
}

void Wire::deliver_held() {
    if (!owner_ || owner_->is_paused || owner_->is_closing) return;
    const std::string held = std::exchange(held_, std::string());
    if (!held.empty()) data_received(held);
    if (owner_ && held_.empty() && !owner_->is_paused && owner_->below) owner_->below->resume_reading();
}

bool Wire::end_received() {
    if (!owner_ || owner_->is_closing) return false;
    const Loop::InPython held(loop_);
    StreamTransport& transport = *owner_;
    const Object kept = Object::borrowed(transport.object());
    const InContext inside(transport.context);
    const Object answer = call(transport, loop_.state().eof_received);
    const int keep_open = answer ? PyObject_IsTrue(answer.get()) : -1;
    if (keep_open < 0) loop_.protocol_failed(transport, "Fatal error: protocol.eof_received() call failed.");
    if (keep_open == 0 && !close_transport(transport)) loop_.report_unheard(transport.object());
    return true;  // it closes itself
}

void Wire::writing_resumed() {
    if (!owner_) return;
    const Loop::InPython held(loop_);
    StreamTransport& transport = *owner_;
    const Object kept = Object::borrowed(transport.object());
    if (transport.empty_waiter) settle_empty_waiter(transport, nullptr);
    if (std::exchange(transport.is_protocol_paused, false)) {
        const InContext inside(transport.context);
        const Object done = call(transport, loop_.state().resume_writing);
        if (!done && !loop_.take_exit()) loop_.report(transport, "protocol.resume_writing() failed");
    }
    if (!transport.is_flushing || !transport.below || transport.below->queued() > 0) return;
    transport.below->close();
    end();
}

void Wire::connection_lost(const CloseReason& reason) {
    below_ = nullptr;
    acceptance_ = Ref<Acceptance>();
    if (!owner_) return;
    const Loop::InPython held(loop_);
    owner_->below = nullptr;
    if (loop_.reactor().is_ending()) {
        warn_unclosed(*owner_);
    } else {
        tell_lost(reason);
    }
    let_go();
}

void Wire::end() {
    if (!owner_) return;
    owner_->below = nullptr;
    tell_lost(CloseReason(CloseReason::Kind::closed_here));
    let_go();
}

void Wire::forsake(bool crashes) noexcept {
    acceptance_ = Ref<Acceptance>();
    bine::Transport* below = std::exchange(below_, nullptr);
    const bool goes_on = owner_ && owner_->is_closing && !owner_->is_aborted;
    if (owner_) {
        owner_->below = nullptr;
        if (!crashes) warn_unclosed(*owner_);
        let_go();
    }
    if (!below || crashes) return;
    if (goes_on) {
        below->close();
    } else {
        below->abort();
    }
}

void Wire::tell_lost(const CloseReason& reason) {
    StreamTransport& transport = *owner_;
    transport.is_closing = true;
    Object exception = Object::borrowed(transport.exception);
    if (!exception && reason.error()) exception = exception_of(*reason.error());
    if (!exception && PyErr_Occurred()) PyErr_Clear();
    PyObject* const told = exception ? exception.get() : Py_None;
    if (transport.empty_waiter) {
        const Object closed =
            Object::owned(PyObject_CallFunction(PyExc_ConnectionError, "s", "Connection is closed by peer"));
        settle_empty_waiter(transport, closed.get());
    }
    if (!transport.is_made) begin();
    const InContext inside(transport.context);
    const Object done = call(transport, loop_.state().connection_lost, told);
    if (!done) (void)loop_.callback_failed(nullptr);
}

void Wire::let_go() noexcept {
    StreamTransport& transport = *std::exchange(owner_, nullptr);
    transport.wire = nullptr;
    static_cast<ListHook<AllWiresTag>&>(*this).unlink();
    loop_.forget_transport(transport.fd, &transport);
    end_transport(transport);
    Py_DECREF(transport.object());
}

}  // namespace bine::python
