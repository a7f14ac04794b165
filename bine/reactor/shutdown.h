// What is to be done before a reactor stops: stop listening, finish what is under way, save.
#pragma once

#include <cstdint>
#include <list>

#include "bine/async/deferred.h"
#include "bine/base/function.h"

namespace bine {

class Reactor;

// The triggers of one reactor, after Twisted's system events. All triggers of a phase start together; the next phase begins
// when they have ended, however they ended (errors are logged). Confined to the reactor's thread.
class Shutdown {
public:
    // before: while everything still works; stop accepting, let requests finish. during: end connections. after: the rest.
    enum class Phase : uint8_t { before, during, after };
    using Trigger = Function<Deferred<>()>;

    explicit Shutdown(Reactor& reactor) : reactor_(reactor) {}

    // Answers what remove() takes. A trigger runs once.
    uint64_t add(Phase phase, Trigger trigger);
    void remove(uint64_t id) noexcept;

    // Runs the triggers, then stops the reactor. A second call does nothing.
    Deferred<> run();
    bool begun() const noexcept { return begun_; }

private:
    struct Entry {
        uint64_t id;
        Phase phase;
        Trigger trigger;
    };

    Deferred<> run_phase(Phase phase);

    Reactor& reactor_;
    std::list<Entry> entries_;
    uint64_t last_id_ = 0;
    bool begun_ = false;
};

}  // namespace bine
