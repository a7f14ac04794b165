// A web server on every processor: a reactor in each of several threads, that share nothing. Each counts what it answers; who
// asks for /count is told the sum, which the workers send each other.
//
// Try it:  ./workers tcp:8080 4 &  curl localhost:8080/  curl localhost:8080/count
#include <signal.h>

#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bine/base/text.h"
#include "bine/endpoints/react.h"
#include "bine/endpoints/shared_endpoint.h"
#include "bine/http/router.h"
#include "bine/http/server.h"
#include "bine/reactor/shutdown.h"
#include "bine/reactor/signal.h"
#include "bine/reactor/workers.h"

using namespace bine;
using http::Request;
using http::Response;

// What one worker serves. Made, used and destroyed in its thread.
class Site {
public:
    // `all`: one for each worker. Which of them a function may touch, its thread decides.
    Site(Worker& worker, std::vector<Site*>& all) : worker_(worker), all_(all), server_(routes()) {
        all[worker.index()] = this;
    }

    void serve(SharedEndpoint& endpoint) {
        server_.drain_at_shutdown(worker_.reactor());
        worker_.reactor().shutdown().add(Shutdown::Phase::before, [this] {
            listening_.cancel();
            return ready();
        });
        listening_ = listen(endpoint);
        worker_.reactor().run();
    }

private:
    Deferred<> listen(SharedEndpoint& endpoint) {
        Port port = co_await endpoint.listen(worker_.index(), worker_.reactor(), server_.factory());
        if (worker_.index() == 0) std::fprintf(stderr, "listening on %s\n", port.address().to_string().c_str());
        co_await port.closed();
    }

    http::Router routes() {
        http::Router router;
        router.get("/", [this](Request&) {
            ++hellos_;
            return Response::text("hello from worker " + std::to_string(worker_.index() + 1) + "\n");
        });
        router.get("/count", [this](Request&) { return count(); });
        return router;
    }

    // Asks each worker, this one too, and waits for the answer.
    Deferred<Response> count() {
        int sum = 0;
        for (std::size_t to = 0; to < worker_.count(); ++to) {
            auto answer = worker_.call(to, [&all = all_](Worker& there) { return all[there.index()]->hellos_; });
            sum += co_await std::move(answer);
        }
        co_return Response::text(std::to_string(sum) + "\n");
    }

    Worker& worker_;
    std::vector<Site*>& all_;
    int hellos_ = 0;
    http::Server server_;
    Deferred<> listening_;
};

// The first worker hears the signals: the first one lets each finish what it is at, the second stops all at once.
class Stopper {
public:
    explicit Stopper(Worker& first)
        : first_(first),
          interrupt_(first.reactor(), SIGINT, [this] { stop(); }),
          terminate_(first.reactor(), SIGTERM, [this] { stop(); }) {}

private:
    void stop() {
        if (std::exchange(stopping_, true)) return first_.stop_all();
        first_.broadcast([](Worker& there) { there.reactor().shutdown().run().detach(); });
    }

    Worker& first_;
    bool stopping_ = false;
    SignalWatch interrupt_;
    SignalWatch terminate_;
};

int main(int argc, char** argv) {
    const Args args(argc, argv);
    const std::size_t count =
        try_parse_decimal(args.value_or(1, ""), 1024).value_or(std::thread::hardware_concurrency());
    try {
        Endpoints endpoints;
        auto endpoint = SharedEndpoint::open(args.value_or(0, "tcp:8080"), count, endpoints);
        if (!endpoint) throw endpoint.error();
        std::vector<Site*> sites(count);
        run_workers(count, [&](Worker& worker) {
            const auto stopper = worker.index() == 0 ? std::make_unique<Stopper>(worker) : nullptr;
            Site(worker, sites).serve(*endpoint);
        });
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
