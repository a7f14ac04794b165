#include "bine/testing/manual_driver.h"

#include <algorithm>

namespace bine::testing {

namespace {

std::unexpected<Error> no_network() { return fail(Errc::unsupported, "the manual driver has no network"); }

}  // namespace

DriverInfo ManualDriver::info() const { return {"manual", "a test made it"}; }

// splitmix64, so that a test sees the same bytes in every run.
void ManualDriver::random(std::span<char> bytes) noexcept {
    for (char& byte : bytes) {
        uint64_t mixed = chance_ += 0x9e3779b97f4a7c15;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        byte = static_cast<char>(mixed >> 56);
    }
}

void ManualDriver::wait(TimePoint deadline) {
    if (tasks_.empty() && !woken_) {
        if (deadline == TimePoint::max()) throw Error(Errc::broken, "nothing will ever happen: no timer, no network");
        now_ = std::max(now_, deadline);
    }
    woken_ = false;
    IntrusiveList<ThreadTask> due;
    due.splice_back(tasks_);
    while (ThreadTask* task = due.pop_front()) {
        task->work();
        task->done();
    }
}

void ManualDriver::abort_all() noexcept {
    while (ThreadTask* task = tasks_.pop_front()) task->abandoned();
}

Result<SocketId> ManualDriver::listen(const Address&, const ListenOptions&, AcceptSink&) { return no_network(); }
Result<SocketId> ManualDriver::connect(const Address&, const Address&, Sink&, Lane) { return no_network(); }
Result<SocketId> ManualDriver::adopt(Descriptor, Descriptor) { return no_network(); }
Result<SocketId> ManualDriver::adopt_listener(Descriptor, AcceptSink&) { return no_network(); }
Result<SocketId> ManualDriver::open_datagram(const Address&, const Address&, DatagramSink&) { return no_network(); }
Result<> ManualDriver::send_datagram(SocketId, std::string_view, const Address&) { return no_network(); }
Result<SocketId> ManualDriver::watch(int, bool, bool, WatchSink&, Lane) { return no_network(); }
Result<> ManualDriver::rewatch(SocketId, bool, bool) { return no_network(); }

}  // namespace bine::testing
