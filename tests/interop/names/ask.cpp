// What a resolver makes of a server: ask SERVER:PORT MILLISECONDS TYPE:NAME... prints a line for each, "ok ..." or
// "error ...". The server gets that long for each of two answers.
#include <chrono>
#include <cstdio>
#include <string>

#include "bine/base/text.h"
#include "bine/endpoints/react.h"
#include "bine/names/resolver.h"

using namespace bine;

namespace {

using Lines = std::vector<std::string>;

Deferred<Lines> addresses_of(names::Resolver& resolver, std::string name, Address::Family family) {
    return resolver.resolve(std::move(name), 0, family).then([](std::vector<Address> addresses) {
        Lines lines;
        for (const Address& address : addresses) lines.push_back(address.host());
        return lines;
    });
}

Deferred<Lines> services_of(names::Resolver& resolver, std::string name) {
    return resolver.services(std::move(name)).then([](std::vector<names::Service> services) {
        Lines lines;
        for (const names::Service& one : services) {
            lines.push_back(one.host + ":" + std::to_string(one.port) + "/" + std::to_string(one.priority));
        }
        return lines;
    });
}

Deferred<Lines> ask(names::Resolver& resolver, std::string_view type, std::string name) {
    if (type == "A") return addresses_of(resolver, std::move(name), Address::Family::ipv4);
    if (type == "AAAA") return addresses_of(resolver, std::move(name), Address::Family::ipv6);
    if (type == "SRV") return services_of(resolver, std::move(name));
    if (type == "TXT") return resolver.texts(std::move(name));
    return resolver.names_of(Address::try_parse_ip(name, 0).value());
}

Deferred<> ask_all(Reactor& reactor, Args args) {
    const std::string_view server = args[0];
    const std::size_t colon = server.rfind(':');
    const auto port = static_cast<uint16_t>(try_parse_decimal(server.substr(colon + 1)).value());
    names::ResolverOptions options;
    options.servers.push_back(Address::try_parse_ip(server.substr(0, colon), port).value());
    options.hosts_file.clear();
    options.no_search = true;
    options.timeout = std::chrono::milliseconds(try_parse_decimal(args[1]).value());
    options.tries = 2;
    names::Resolver resolver(reactor, options);
    for (std::size_t i = 2; i < args.size(); ++i) {
        const std::string_view word = args[i];
        const std::size_t at = word.find(':');
        auto asking = ask(resolver, word.substr(0, at), std::string(word.substr(at + 1))).as_result();
        const Result<Lines> lines = co_await std::move(asking);
        std::string text = lines ? "ok" : "error " + lines.error().text();
        if (lines) {
            for (const std::string& line : *lines) text += " " + escape(line);
        }
        std::printf("%s\n", text.c_str());
    }
}

}  // namespace

int main(int argc, char** argv) { return react(argc, argv, ask_all); }
