#include "bine/app/site.h"

#include <array>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "bine/app/log_format.h"
#include "bine/app/site_files.h"
#include "bine/async/sleep.h"
#include "bine/base/version.h"
#include "bine/http/conditional.h"
#include "bine/http/media_types.h"
#include "bine/http/router.h"
#include "bine/reactor/reactor.h"

namespace bine::app {

namespace {

using namespace std::literals;
using http::Request;
using http::Response;
using http::ResponseWriter;

constexpr int kCount = 20;
constexpr Duration kPause = 150ms;

// Nothing but what comes from the site itself.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

// FNV-1a: the content names its version.
std::string etag_of(std::string_view content) {
    uint64_t hash = 0xcbf29ce484222325;
    for (const char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    std::array<char, 16> digits;
    char* end = std::to_chars(digits.begin(), digits.end(), hash, 16).ptr;
    return "\"" + std::string(digits.data(), end) + "\"";
}

class Page {
public:
    explicit Page(const SiteFile& file) : file_(file), etag_(etag_of(file.content)) {}

    Response operator()(Request& request) const {
        const http::Validators validators{.etag = etag_};
        if (std::optional<Response> unchanged = http::answer_if_unchanged(request, validators))
            return std::move(*unchanged);
        const uint64_t size = file_.content.size();
        const http::RangeChoice range = http::choose_range(request, size, validators);
        if (range.kind == http::RangeChoice::Kind::unsatisfiable) return http::range_not_satisfiable(size);
        const bool is_part = range.kind == http::RangeChoice::Kind::part;
        Output body;
        body.append_fixed(is_part ? file_.content.substr(range.offset, range.length) : file_.content);
        Response response = Response::of(http::media_type_of(file_.name), std::move(body));
        if (is_part) http::set_range(response, range, size);
        http::set_validators(response, validators);
        response.set("Content-Security-Policy", kPolicy);
        return response;
    }

private:
    SiteFile file_;
    std::string etag_;
};

// What the site counts; shared by its handlers.
struct Facts {
    std::optional<TimePoint> first;  // answer
    uint64_t answers = 0;

    void count(TimePoint now) {
        if (!first) first = now;
        ++answers;
    }
};

Response facts(Request& request, const Facts& facts) {
    Reactor& reactor = request.reactor();
    const auto uptime =
        std::chrono::duration_cast<std::chrono::milliseconds>(reactor.now() - facts.first.value_or(reactor.now()));
    return Response::json(
        "{\"name\":\"bine\",\"version\":" + quote_json(version()) + ",\"driver\":" + quote_json(reactor.driver_name()) +
        ",\"reason\":" + quote_json(reactor.driver_reason()) + ",\"uptime_ms\":" + std::to_string(uptime.count()) +
        ",\"answers\":" + std::to_string(facts.answers) + "}\n");
}

Response echo(Request& request) {
    std::string fields;
    for (const http::Header& header : request.headers()) {
        if (!fields.empty()) fields += ',';
        fields += "[" + quote_json(header.name) + "," + quote_json(header.value) + "]";
    }
    return Response::json(
        "{\"method\":" + quote_json(request.method_name()) + ",\"target\":" + quote_json(request.target()) +
        ",\"minor_version\":" + std::to_string(request.minor_version()) +
        ",\"peer\":" + quote_json(request.peer_address().to_string()) + ",\"fields\":[" + fields + "]}\n");
}

Deferred<> count(Request& request, ResponseWriter& out) {
    out.head().set("Content-Type", "text/plain; charset=utf-8");
    for (int number = 1; number <= kCount; ++number) {
        if (number > 1) co_await sleep(request.reactor(), kPause);
        const std::string line = std::to_string(number) + "\n";
        co_await out.write(line);
    }
}

}  // namespace

http::Handler example_site() {
    http::Router router;
    const auto known = std::make_shared<Facts>();
    router.use([known](const Request& request, Response& response) {
        known->count(request.reactor().now());
        response.set("X-Content-Type-Options", "nosniff")
            .set("Referrer-Policy", "no-referrer")
            .set("Cache-Control", "no-cache");
    });
    for (const SiteFile& file : site_files()) {
        router.get("/" + std::string(file.name), Page(file));
        if (file.name == "index.html") router.get("/", Page(file));
        if (file.name == "bine.svg") router.get("/favicon.ico", Page(file));
    }
    router.get("/api/hello", [](Request&) { return Response::text("hello\n"); });
    router.get("/api/facts", [known](Request& request) { return facts(request, *known); });
    router.get("/api/request", echo);
    router.get("/api/count", count);
    return router;
}

}  // namespace bine::app
