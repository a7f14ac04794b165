// What a user's first program might be: takes an endpoint apart, turns a reactor until a call stops it, fetches nothing from
// nowhere (which needs every library that bine stands on), and prints the version that it linked.
#include <cstdio>
#include <string>

#include "bine/base/version.h"
#include "bine/client/client.h"
#include "bine/endpoints/endpoint_string.h"
#include "bine/http/media_types.h"
#include "bine/reactor/reactor.h"

int main() {
    const auto endpoint = bine::parse_endpoint("tcp:7000:interface=127.0.0.1");
    if (!endpoint || endpoint->name != "tcp" || bine::http::media_type_of("a.html").empty()) return 1;

    bine::Reactor reactor;
    reactor.call_from_thread([&reactor] { reactor.stop(); });
    reactor.run();
    bine::http::Client client(reactor);
    auto answer = client.get("https://127.0.0.1:1/");
    while (!answer.done()) reactor.turn(bine::TimePoint::max());
    if (std::move(answer).result()) return 1;
    std::printf("%s\n", std::string(bine::version()).c_str());
    return 0;
}
