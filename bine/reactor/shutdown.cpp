#include "bine/reactor/shutdown.h"

#include <vector>

#include "bine/base/log.h"
#include "bine/reactor/reactor.h"

namespace bine {

uint64_t Shutdown::add(Phase phase, Trigger trigger) {
    entries_.push_back({++last_id_, phase, std::move(trigger)});
    return last_id_;
}

void Shutdown::remove(uint64_t id) noexcept {
    entries_.remove_if([id](const Entry& entry) { return entry.id == id; });
}

Deferred<> Shutdown::run() {
    if (std::exchange(begun_, true)) co_return;
    co_await run_phase(Phase::before);
    co_await run_phase(Phase::during);
    co_await run_phase(Phase::after);
    reactor_.stop();
}

Deferred<> Shutdown::run_phase(Phase phase) {
    std::list<Entry> taken;
    for (auto at = entries_.begin(); at != entries_.end();) {
        const auto next = std::next(at);
        if (at->phase == phase) taken.splice(taken.end(), entries_, at);
        at = next;
    }
    std::vector<Deferred<>> running;
    for (Entry& entry : taken) {
        try {
            running.push_back(entry.trigger());
        } catch (...) {
            running.push_back(failed(Error::from_current_exception()));
        }
    }
    for (Deferred<>& trigger : running) {
        const Result<> ended = co_await std::move(trigger).as_result();
        if (!ended) log::error("reactor", "a shutdown trigger failed", {{"error", ended.error().text()}});
    }
}

}  // namespace bine
