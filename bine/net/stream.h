// A connection as a coroutine sees it: read this, write that, straight down.
//
//     Deferred<> greet(Stream stream) {
//         co_await stream.write("who are you?\r\n");
//         const auto name = co_await stream.read_line({.limit = 64});
//         co_await stream.write("hello, " + name + "\r\n");
//     }
//
// One reader at a time, any number of writers. A read that is cancelled or dropped loses no bytes: they are there for the
// next one. Reading goes ahead of the readers by 64 KiB at most, then the other side has to wait. A Stream may be moved
// while nothing waits on it, and stays usable (answering errors) after the connection has ended. Confined to its thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bine/async/deferred.h"
#include "bine/net/close_reason.h"
#include "bine/net/protocol.h"
#include "bine/net/transport.h"

namespace bine {

struct ReadLineOptions {
    std::size_t limit = 65536;  // without the end of the line; more is limit_exceeded
};

struct ReadUntilOptions {
    std::size_t limit = 65536;  // delimiter included
};

class Stream {
public:
    Stream(Stream&&) noexcept;
    Stream& operator=(Stream&&) noexcept;
    // Closes the connection, once everything written has left.
    ~Stream();

    // Reads. Errors: end_of_stream when the other side ended first, limit_exceeded, local_protocol (another read waits), or
    // what ended the connection. What was read before an error stays, and can be read.
    //
    // What is there, at least a byte and at most `most`; empty at the end.
    Deferred<std::string> read_some(std::size_t most = 65536);
    Deferred<std::string> read_exactly(std::size_t count);
    // Up to a line feed, without it and without a carriage return before it.
    Deferred<std::string> read_line(ReadLineOptions options = ReadLineOptions());
    // The same; nothing at the end of the stream. The last line may lack its line feed.
    Deferred<std::optional<std::string>> next_line(ReadLineOptions options = ReadLineOptions());
    Deferred<std::string> read_until(std::string delimiter, ReadUntilOptions options = ReadUntilOptions());
    // All there is, up to the end.
    Deferred<std::string> read_all(std::size_t limit = 1 << 20);

    // Ends at once while less than the high mark is queued, otherwise when the queue has fallen to the low mark. Dropping the
    // Deferred stops the waiting, never the bytes. Errors: why the connection has ended.
    Deferred<> write(std::string_view bytes);
    Deferred<> write(Output output);

    void shutdown_writing() noexcept;
    void close() noexcept;
    void abort() noexcept;
    // Hands the connection to `next` (an upgrade, STARTTLS), and with it what has been read ahead. This stream is closed then;
    // what waits on it ends in that error. Errors: closed, when the connection has ended before.
    Result<> hand_over(std::unique_ptr<Protocol> next);

    // Ends when the connection has, with the reason.
    Deferred<CloseReason> closed();
    // Null once the connection has ended.
    Transport* transport() const noexcept;

private:
    class State;
    friend class StreamProtocol;
    friend struct NewStream;
    explicit Stream(Ref<State> state) noexcept;

    Ref<State> state_;
};

// A stream and the protocol to be given to a transport. Until connection_made, its reads wait and its writes fail.
struct NewStream {
    NewStream();

    std::unique_ptr<Protocol> protocol;
    Stream stream;

private:
    explicit NewStream(Ref<Stream::State> state);
};

// What serves a connection straight down. Called in connection_made. When its Deferred ends, the stream is closed; when it
// ends in an error, the connection is aborted and the error logged, unless the connection had been closed before. That the
// other side ended too early (end_of_stream) closes it without a word.
using StreamHandler = Function<Deferred<>(Stream)>;

// Makes protocols that run `handler`, which lives as long as the Factory or any of them.
Factory stream_factory(StreamHandler handler);

// A stream over descriptors: a pipe, a pair of pipes (a child's), a connected socket. An empty `output` is the same as `input`.
Stream open_stream(Reactor& reactor, Descriptor input, Descriptor output);

}  // namespace bine
