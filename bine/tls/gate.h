// What the connections of one listener share: how many of them work on their handshakes in a turn, and how often the log hears
// that one failed. Inner part of the layer. Confined to the reactor's thread.
#pragma once

#include "bine/async/scheduler.h"
#include "bine/base/intrusive_list.h"
#include "bine/base/log.h"
#include "bine/base/ref.h"
#include "bine/reactor/reactor.h"

namespace bine::tls {

class Gate final : public Counted, private Call {
public:
    // Signing for eight takes a few milliseconds.
    static constexpr std::size_t kPerTurn = 8;

    class Visitor : public ListHook<Visitor> {
    public:
        // From a later turn, once.
        virtual void enter_now() = 0;

    protected:
        ~Visitor() = default;
    };

    // Whether `visitor` may go on now; if not, it will be called.
    bool enter(Reactor& reactor, Visitor& visitor) noexcept;

    log::Limit failures;

private:
    void call() override;

    Reactor* reactor_ = nullptr;
    IntrusiveList<Visitor, Visitor> waiting_;
    std::size_t entered_ = 0;  // in this turn
};

}  // namespace bine::tls
