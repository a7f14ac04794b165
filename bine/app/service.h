// What `bine serve` and `bine echo` have in common: something that serves connections, and how it is run from a shell -
// listening, saying where, stopping gracefully at the first SIGINT or SIGTERM and at once at the second.
// Each worker has a thread, a reactor and a Service of its own; the first one, in the thread that calls run_service(), hears
// the signals and speaks for all.
#pragma once

#include <memory>
#include <string>

#include "bine/app/exit_code.h"
#include "bine/base/time.h"
#include "bine/net/protocol.h"

namespace bine {
class Reactor;
}

namespace bine::app {

struct Settings;

class Service {
public:
    Service() = default;
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    // Aborts the connections that are left.
    virtual ~Service() = default;

    // Makes the protocols of new connections. The service outlives whatever uses it.
    virtual Factory factory() = 0;
    // Ends the connections that have nothing to do, at once or when they have been quiet for so long, and each other one when
    // it has done what it is at.
    virtual void drain(Duration quiet) = 0;
    virtual std::size_t connections() const noexcept = 0;

    // "the folder /srv/site", "the example site": what the start-up lines say that it serves.
    virtual std::string what() const = 0;
    // "http" where addresses are shown as URLs; empty: as they are.
    virtual std::string_view scheme() const noexcept { return {}; }
};

// Called in the thread of each worker, by several at once. Errors that it throws end the program with ExitCode::failure and
// their text.
using ServiceMaker = Function<std::unique_ptr<Service>(Reactor&)>;

// Runs the service until it is stopped.
ExitCode run_service(const Settings& settings, ServiceMaker make);

}  // namespace bine::app
