// Any Set-Cookie lines, one behind the other: what is kept goes back without control characters, and a jar that is saved and
// loaded sends the same. Any text as a file, too.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bine/client/cookie_jar.h"

using namespace bine;
using namespace bine::http;

namespace {

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};
constexpr CookiePlace kPlaces[] = {
    {"a.example.co.uk", "/dir/page?x", true}, {"example.co.uk", "/", false}, {"192.0.2.1", "/x", true}};

void require(bool holds) {
    if (!holds) std::abort();
}

std::string sorted_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    std::ranges::sort(lines);
    std::string all;
    for (const std::string& line : lines) all += line + '\n';
    return all;
}

void survives(CookieJar& jar) {
    for (const CookiePlace& place : kPlaces) {
        const std::string header = jar.header(place, kNow);
        require(std::ranges::none_of(header, [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; }));
    }
    CookieJar other;
    const std::string text = jar.save(kNow);
    require(other.load(text, kNow).has_value());
    require(sorted_lines(other.save(kNow)) == sorted_lines(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    CookieJar jar({.most_per_site = 4, .most = 6});
    std::size_t count = 0;
    for (std::string_view rest = input; !rest.empty(); ++count) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        (void)jar.set(rest.substr(0, end), kPlaces[count % std::size(kPlaces)], kNow);
        require(jar.size() <= 6);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    survives(jar);
    CookieJar loaded;
    if (loaded.load(input, kNow)) survives(loaded);
    return 0;
}
