// A descriptor of somebody else's that Python watches: add_reader, add_writer.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "bine/driver/driver.h"
#include "bine/python/object.h"

namespace bine::python {

class Loop;

// A socket.socket that is not closed while this lives, whoever calls its close(): the last such user closes it then. Needs the GIL.
class SocketInUse {
public:
    SocketInUse() = default;
    // Null is no socket.
    explicit SocketInUse(PyObject* socket) noexcept;
    SocketInUse(SocketInUse&& other) noexcept : socket_(std::exchange(other.socket_, Object())) {}
    SocketInUse& operator=(SocketInUse&& other) noexcept {
        std::swap(socket_, other.socket_);
        return *this;
    }
    ~SocketInUse();

private:
    Object socket_;
};

class Watch final : private WatchSink {
public:
    Watch(Loop& loop, int fd) : loop_(loop), fd_(fd) {}
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    using Table = std::vector<std::unique_ptr<Watch>>;  // by descriptor
    // Sets the handle for reading or writing; one that was there is cancelled. `file` is what has the descriptor, or is it:
    // it lives as long as it is watched. `socket` is what an operation of asyncio's waits for: who waits for one that somebody
    // closes would wait for ever, and the next file of its number would be taken for it. Answers a new reference to the handle;
    // null with an error set when the descriptor cannot be watched.
    static PyObject* add(Loop& loop, Table& table, int fd, Object file, Object handle, SocketInUse socket,
                         bool reading);
    // Answers whether there was one.
    static bool remove(Table& table, int fd, bool reading) noexcept;
    // The descriptor that this file is watched under, which it may have closed since then; -1 when it is not watched.
    static int find(const Table& table, PyObject* file) noexcept;

    PyObject* file() const noexcept { return file_.get(); }
    PyObject* reader() const noexcept { return reader_.get(); }
    PyObject* writer() const noexcept { return writer_.get(); }

private:
    Result<> update();
    Object belong_to(Object file);
    void ready(bool readable, bool writable) override;
    void queue(PyObject* handle);

    Loop& loop_;
    const int fd_;
    SocketId id_;
    Object file_;  // null: only the number is known
    Object reader_;
    Object writer_;
    SocketInUse read_from_;
    SocketInUse written_to_;
};

}  // namespace bine::python
