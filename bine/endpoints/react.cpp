#include "bine/endpoints/react.h"

#include <signal.h>

#include <optional>

#include "bine/base/log.h"
#include "bine/reactor/shutdown.h"
#include "bine/reactor/signal.h"

namespace bine {

namespace {

constexpr Duration kSettle = std::chrono::seconds(5);

enum ExitCode : int { kDone = 0, kFailed = 1, kForced = 2 };

// One program on one reactor.
class Run {
public:
    Run(Reactor& reactor, Function<Deferred<>(Reactor&, Args)> program, Args args)
        : reactor_(reactor),
          program_(std::move(program)),
          args_(args),
          interrupt_(reactor, SIGINT, [this] { signalled(); }),
          terminate_(reactor, SIGTERM, [this] { signalled(); }) {}

    int run() {
        start();
        reactor_.run();
        running_ = Deferred<>();
        if (code_ != kForced) reactor_.settle(kSettle);
        return code_;
    }

private:
    // Deferred by a call, so that the program begins inside a turn.
    void start() {
        reactor_.call_from_thread([this] {
            Deferred<> running = begin();
            running_ = watch(std::move(running));
        });
    }

    Deferred<> begin() {
        try {
            return program_(reactor_, args_);
        } catch (...) {
            return failed(Error::from_current_exception());
        }
    }

    Deferred<> watch(Deferred<> running) {
        const Result<> ended = co_await std::move(running).as_result();
        if (!ended && !signalled_) {
            code_ = kFailed;
            log::error("main", ended.error().text(), {{"at", to_string(ended.error().place())}});
        }
        reactor_.shutdown().run().detach();  // goes on, whatever becomes of this
    }

    void signalled() {
        if (std::exchange(signalled_, true)) {
            code_ = kForced;
            reactor_.stop();
            return;
        }
        cancel_program();
    }

    void cancel_program() {
        running_ = Deferred<>();
        reactor_.shutdown().run().detach();
    }

    Reactor& reactor_;
    Function<Deferred<>(Reactor&, Args)> program_;
    const Args args_;
    SignalWatch interrupt_;
    SignalWatch terminate_;
    Deferred<> running_;
    int code_ = kDone;
    bool signalled_ = false;
};

}  // namespace

int react(int argc, char** argv, Function<Deferred<>(Reactor&, Args)> program, ReactorOptions options) {
    try {
        Reactor reactor(options);
        return Run(reactor, std::move(program), Args(argc, argv)).run();
    } catch (const Error& error) {
        log::error("main", error.text());
        return kFailed;
    }
}

}  // namespace bine
