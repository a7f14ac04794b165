// The requests that the HTTP benchmarks send: the same eight from the same seed, on every machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "hello.h"
#include "random.h"

namespace bench {

inline constexpr std::size_t kRequests = 8;
inline constexpr std::size_t kFewestHeaders = 6;
inline constexpr std::size_t kMostHeaders = 12;
inline constexpr std::size_t kSmallestRequest = 200;
inline constexpr std::size_t kLargestRequest = 600;

// Host comes first and Cookie last; what lies between is drawn from these, in this order.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kHeaders{{
    {"User-Agent", "Mozilla/5.0 (X11; Linux)"},
    {"Accept", "text/html,*/*;q=0.8"},
    {"Accept-Language", "en-GB,en;q=0.5"},
    {"Accept-Encoding", "gzip, deflate, br"},
    {"Referer", "http://localhost/"},
    {"Connection", "keep-alive"},
    {"Cache-Control", "no-cache"},
    {"Pragma", "no-cache"},
    {"Sec-Fetch-Dest", "document"},
    {"Sec-Fetch-Mode", "navigate"},
    {"DNT", "1"},
    {"X-Request-Id", "7f9c24e8-3b12-4e5a"},
}};

struct RequestStyle {
    std::string path = HELLO_PATH;
    bool close = false;  // "Connection: close"
    bool small = false;  // a request line and Host
};

inline std::string begin_request(const RequestStyle& style) {
    return "GET " + style.path + " HTTP/1.1\r\nHost: localhost\r\n" + (style.close ? "Connection: close\r\n" : "");
}

inline std::string make_request(Random& random, const RequestStyle& style = {}) {
    std::string request = begin_request(style);
    if (style.small) return request += "\r\n";
    std::size_t wanted = random.between(kFewestHeaders, kMostHeaders) - 2;
    for (std::size_t i = 0; i < kHeaders.size(); ++i) {
        const std::size_t left = kHeaders.size() - i;
        if (random.between(1, left) > wanted) continue;
        if (style.close && kHeaders[i].first == "Connection") continue;
        request.append(kHeaders[i].first).append(": ").append(kHeaders[i].second).append("\r\n");
        --wanted;
    }
    request += "Cookie: session=";
    const std::size_t size = random.between(kSmallestRequest, kLargestRequest);
    do {
        request += "0123456789abcdef"[random.next() % 16];
    } while (request.size() + 4 < size);
    return request += "\r\n\r\n";
}

inline std::array<std::string, kRequests> make_request_mix(std::uint64_t seed, const RequestStyle& style = {}) {
    Random random(seed);
    std::array<std::string, kRequests> mix;
    for (std::string& request : mix) request = make_request(random, style);
    return mix;
}

}  // namespace bench
