// Writes the certificates that the tests of TLS with others need: bine_interop_tls_identities FOLDER
//
// For each NAME of the table: NAME.pem (the chain), NAME.key, NAME.both (both in one file). ca.pem is whom to trust.
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "bine/base/error.h"
#include "bine/reactor/reactor.h"
#include "tests/tls/authority.h"

namespace bine::tls {
namespace {

const std::vector<std::string> kHere{"localhost", "one.example", "IP:127.0.0.1"};
const std::vector<std::string> kWeb{"www.bine.example"};

struct Entry {
    const char* file;
    Wanted wanted;
};

std::vector<Entry> good_ones() {
    return {{"server", {.names = kHere, .common_name = "server"}},
            {"server-rsa", {.names = kHere, .key = "RSA:2048", .common_name = "server of RSA"}},
            {"renewed", {.names = kHere, .common_name = "renewed"}},
            {"two", {.names = {"two.example", "*.two.example"}, .common_name = "two"}},
            {"client", {.names = {"client.example"}, .extended_usage = "clientAuth", .common_name = "client"}},
            {"good", {.names = kWeb}},
            {"wildcard", {.names = {"*.bine.example"}}}};
}

std::vector<Entry> bad_ones() {
    return {{"expired", {.names = kWeb, .days_from = -90, .days_to = -3}},
            {"early", {.names = kWeb, .days_from = 2}},
            {"other-name", {.names = {"www.other.example"}}},
            {"no-name", {.names = {}, .common_name = "www.bine.example"}},
            {"purpose", {.names = kWeb, .extended_usage = "clientAuth"}},
            {"weak-key", {.names = kWeb, .key = "RSA:1024"}},
            {"sha1", {.names = kWeb, .digest = "SHA1"}},
            {"star", {.names = {"*"}}},
            {"star-top", {.names = {"*.example"}}},
            {"star-part", {.names = {"w*.bine.example"}}},
            {"star-inside", {.names = {"www.*.example"}}},
            {"other-address", {.names = {"IP:127.0.0.9"}}}};
}

void write(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    file.close();
    if (!file) throw Error(Errc::broken, "cannot write " + path);
}

void write(const std::string& path, const Identity& identity) {
    write(path + ".pem", identity.certificates_pem());
    write(path + ".key", identity.key_pem());
    write(path + ".both", identity.certificates_pem() + identity.key_pem());
}

void write_all(const std::string& folder) {
    const WallTime now = Reactor().wall_now();
    const Authority root(now, "Interop Root");
    const Authority stranger(now, "Stranger");
    const Authority between = root.issue_authority("Between");
    write(folder + "ca.pem", root.pem());
    for (const Entry& entry : good_ones()) write(folder + entry.file, root.issue(entry.wanted));
    for (const Entry& entry : bad_ones()) write(folder + entry.file, root.issue(entry.wanted));
    write(folder + "chained", between.issue({.names = kWeb}));
    write(folder + "incomplete", between.without_chain().issue({.names = kWeb}));
    write(folder + "impostor", root.issue_authority("Impostor", false).issue({.names = kWeb}));
    write(folder + "stranger", stranger.issue({.names = kWeb}));
    write(folder + "self-signed", Identity::self_signed(kWeb, now).value());
}

}  // namespace
}  // namespace bine::tls

int main(int argc, char** argv) {
    if (argc != 2) return 64;
    try {
        bine::tls::write_all(std::string(argv[1]) + "/");
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
