// A descriptor of somebody else's that Python watches: add_reader, add_writer.
#pragma once

#include <memory>
#include <vector>

#include "bine/driver/driver.h"
#include "bine/python/object.h"

namespace bine::python {

class Loop;

class Watch final : private WatchSink {
public:
    Watch(Loop& loop, int fd) : loop_(loop), fd_(fd) {}
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    using Table = std::vector<std::unique_ptr<Watch>>;  // by descriptor
    // Sets the handle for reading or writing; one that was there is cancelled. Answers a new reference to the handle; null
    // with an error set when the descriptor cannot be watched.
    static PyObject* add(Loop& loop, Table& table, int fd, Object handle, bool reading);
    // Answers whether there was one.
    static bool remove(Table& table, int fd, bool reading) noexcept;

    PyObject* reader() const noexcept { return reader_.get(); }
    PyObject* writer() const noexcept { return writer_.get(); }

private:
    Result<> update();
    void ready(bool readable, bool writable) override;
    void queue(PyObject* handle);

    Loop& loop_;
    const int fd_;
    SocketId id_;
    Object reader_;
    Object writer_;
};

}  // namespace bine::python
