#include "bine/names/hosts_file.h"

#include <doctest/doctest.h>

#include "bine/names/configuration.h"
#include "bine/testing/temp_folder.h"

namespace bine::names {
namespace {

using namespace std::chrono_literals;

std::string told(const HostsFile& hosts, std::string_view name) {
    const auto* const found = hosts.find(name);
    if (!found) return "unknown";
    std::string text;
    for (const Address& address : *found) text += address.host() + " ";
    return text;
}

TEST_CASE("names of a hosts file, in any case, with all their addresses in order") {
    const HostsFile hosts(
        "# comment\n"
        "127.0.0.1\tlocalhost loop  # also\n"
        "::1 localhost\r\n"
        "  192.0.2.1   Web.Example.   web\n"
        "192.0.2.2 web.example\n"
        "not-an-address name\n"
        "192.0.2.3\n"
        "\n"
        "fe80::1%lo zoned\n"
        "192.0.2.4 last");
    CHECK(told(hosts, "localhost") == "127.0.0.1 ::1 ");
    CHECK(told(hosts, "loop") == "127.0.0.1 ");
    CHECK(told(hosts, "WEB.example") == "192.0.2.1 192.0.2.2 ");
    CHECK(told(hosts, "web") == "192.0.2.1 ");
    CHECK(told(hosts, "last") == "192.0.2.4 ");
    CHECK(told(hosts, "also") == "unknown");
    CHECK(told(hosts, "name") == "unknown");
    CHECK(told(hosts, "#") == "unknown");
    CHECK(told(HostsFile(), "localhost") == "unknown");
}

TEST_CASE("a configuration is what the files say, unless the program says otherwise") {
    const testing::TempFolder folder;
    ResolverOptions options;
    options.resolv_conf = folder.path("resolv.conf");
    options.hosts_file = folder.path("hosts");
    const Configuration nothing = read_configuration(options);
    CHECK(nothing.servers.empty());
    CHECK(nothing.reason == options.resolv_conf + " cannot be read");
    CHECK(nothing.hosts.size() == 0);

    folder.write("resolv.conf",
                 "nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch one.example two.example\n"
                 "options ndots:2 timeout:3 attempts:5 rotate\n");
    folder.write("hosts", "192.0.2.1 here\n");
    const Configuration read = read_configuration(options);
    REQUIRE(read.servers.size() == 2);
    CHECK(read.servers[0].to_string() == "192.0.2.53:53");
    CHECK(read.servers[1].to_string() == "[2001:db8::53]:53");
    CHECK(read.search == std::vector<std::string>{"one.example", "two.example"});
    CHECK(read.ndots == 2);
    CHECK(read.timeout == 3s);
    CHECK(read.tries == 5);
    CHECK(read.rotate);
    CHECK(told(read.hosts, "here") == "192.0.2.1 ");

    options.servers = {*Address::try_parse_ip("127.0.0.1", 5353), *Address::try_parse_ip("127.0.0.2", 0)};
    options.timeout = 50ms;
    options.tries = 1;
    options.ndots = 0;
    options.search = {"three.example"};
    options.hosts_file.clear();
    const Configuration told_so = read_configuration(options);
    CHECK(told_so.servers[0].to_string() == "127.0.0.1:5353");
    CHECK(told_so.servers[1].to_string() == "127.0.0.2:53");
    CHECK(told_so.timeout == 50ms);
    CHECK(told_so.tries == 1);
    CHECK(told_so.ndots == 0);
    CHECK(told_so.search == std::vector<std::string>{"three.example"});
    CHECK(told_so.hosts.size() == 0);
    options.no_search = true;
    CHECK(read_configuration(options).search.empty());
}

TEST_CASE("names are tried in the search domains first when they have few dots") {
    Configuration configuration;
    configuration.search = {"one.example", "two.example."};
    using Names = std::vector<std::string>;
    CHECK(configuration.candidates("www") == Names{"www.one.example", "www.two.example", "www"});
    CHECK(configuration.candidates("www.net") == Names{"www.net", "www.net.one.example", "www.net.two.example"});
    CHECK(configuration.candidates("www.net.") == Names{"www.net"});
    CHECK(configuration.candidates("www.") == Names{"www"});
    configuration.ndots = 2;
    CHECK(configuration.candidates("a.b").front() == "a.b.one.example");
    configuration.search = {std::string(250, 'x')};
    CHECK(configuration.candidates("www") == Names{"www"});
}

TEST_CASE("what is a name that a server can be asked for") {
    for (const char* name : {"a", "a.", "a.b", "_x._tcp.example", "xn--bcher-kva.example", "1.2.0.192.in-addr.arpa"}) {
        CHECK(is_name(name));
    }
    const std::string label(63, 'x');
    CHECK(is_name(label + "." + label + "." + label + "." + std::string(61, 'x') + "."));
    CHECK(!is_name(label + "." + label + "." + label + "." + std::string(62, 'x')));
    CHECK(!is_name(label + "x.example"));
    for (const std::string& name :
         {std::string(), std::string("."), std::string("a..b"), std::string(".a"), std::string("a b"),
          std::string("a\\b"), std::string("b\xc3\xbc"), std::string("a\0b", 3), std::string("a..")}) {
        CHECK(!is_name(name));
    }
}

}  // namespace
}  // namespace bine::names
