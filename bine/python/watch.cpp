#include "bine/python/watch.h"

#include <algorithm>

#include "bine/python/loop.h"

namespace bine::python {

namespace {

bool is_cancelled(const State& state, PyObject* handle) {
    if (Py_IS_TYPE(handle, state.handle_type)) return reinterpret_cast<Handle*>(handle)->is_cancelled;
    const Object answer = Object::owned(PyObject_CallMethodNoArgs(handle, state.cancelled));
    if (!answer) PyErr_Clear();
    return answer.get() == Py_True;
}

void cancel(Object handle) {
    if (!handle) return;
    const Object done = Object::owned(PyObject_CallMethod(handle.get(), "cancel", nullptr));
    if (!done) Loop::report_unraisable(handle.get());
}

}  // namespace

SocketInUse::SocketInUse(PyObject* socket) noexcept {
    if (!socket) return;
    const Object before = Object::owned(PyObject_GetAttrString(socket, "_io_refs"));
    const Object one = Object::owned(PyLong_FromLong(1));
    const Object users = before && one ? Object::owned(PyNumber_Add(before.get(), one.get())) : Object();
    if (users && PyObject_SetAttrString(socket, "_io_refs", users.get()) == 0) {
        socket_ = Object::borrowed(socket);
    } else {
        Loop::report_unraisable(socket);
    }
}

SocketInUse::~SocketInUse() {
    if (!socket_) return;
    const Object done = Object::owned(PyObject_CallMethod(socket_.get(), "_decref_socketios", nullptr));
    if (!done) Loop::report_unraisable(socket_.get());
}

Watch::~Watch() {
    if (id_) loop_.reactor().driver().unwatch(id_);
    // The loop closes: what somebody else keeps refers to nothing any more.
    for (PyObject* handle : {reader(), writer()}) {
        if (handle && Py_IS_TYPE(handle, loop_.state().handle_type)) cancel_handle(*reinterpret_cast<Handle*>(handle));
    }
}

Result<> Watch::update() {
    Driver& driver = loop_.reactor().driver();
    if (id_) return driver.rewatch(id_, bool(reader_), bool(writer_));
    const auto id = driver.watch(fd_, bool(reader_), bool(writer_), *this, Lane::second);
    if (!id) return fail(id.error());
    id_ = *id;
    return {};
}

// Answers the file before. One that was closed without a word has lost its watch, and another may have its number by now.
Object Watch::belong_to(Object file) {
    if (PyLong_Check(file.get()) || file.get() == file_.get()) return {};
    if (file_ && id_) loop_.reactor().driver().unwatch(std::exchange(id_, {}));
    return std::exchange(file_, std::move(file));
}

PyObject* Watch::add(Loop& loop, Table& table, int fd, Object file, Object handle, SocketInUse socket, bool reading) {
    const auto index = static_cast<std::size_t>(fd);
    if (table.size() <= index) table.resize(std::max<std::size_t>(index + 1, 2 * table.size()));
    if (!table[index]) table[index] = std::make_unique<Watch>(loop, fd);
    Watch& watch = *table[index];
    const Object owner_before = watch.belong_to(std::move(file));  // its end may call anything: not before ours
    if (Py_IS_TYPE(handle.get(), loop.state().handle_type)) reinterpret_cast<Handle*>(handle.get())->is_kept = true;
    Object& place = reading ? watch.reader_ : watch.writer_;
    Object before = std::exchange(place, handle);
    std::swap(reading ? watch.read_from_ : watch.written_to_, socket);
    const auto updated = before && watch.id_ ? Result<>() : watch.update();
    if (!updated) {
        place = Object();
        std::swap(reading ? watch.read_from_ : watch.written_to_, socket);
        if (!watch.reader_ && !watch.writer_) table[index].reset();
        const auto& error = updated.error();
        if (error.code().category() != std::system_category()) return raise(error);
        errno = error.code().value();
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    cancel(std::move(before));
    return handle.release();
}

bool Watch::remove(Table& table, int fd, bool reading) noexcept {
    const auto index = static_cast<std::size_t>(fd);
    if (fd < 0 || index >= table.size() || !table[index]) return false;
    Watch& watch = *table[index];
    Object before = std::exchange(reading ? watch.reader_ : watch.writer_, Object());
    if (!before) return false;
    const SocketInUse socket = std::exchange(reading ? watch.read_from_ : watch.written_to_, SocketInUse());
    if (!watch.reader_ && !watch.writer_) {
        const std::unique_ptr<Watch> gone = std::move(table[index]);
    } else {
        (void)watch.update();  // what is watched less cannot fail but for a descriptor that is closed
    }
    cancel(std::move(before));
    return true;
}

int Watch::find(const Table& table, PyObject* file) noexcept {
    const auto found =
        std::ranges::find_if(table, [&](const auto& watch) { return watch && watch->file_.get() == file; });
    return found == table.end() ? -1 : (*found)->fd_;
}

void Watch::queue(PyObject* handle) {
    if (handle && !is_cancelled(loop_.state(), handle)) loop_.append(Py_NewRef(handle));
}

void Watch::ready(bool readable, bool writable) {
    const Object reader = readable ? reader_ : Object();
    const Object writer = writable ? writer_ : Object();
    queue(reader.get());
    queue(writer.get());
}

}  // namespace bine::python
