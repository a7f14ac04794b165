// URLs of the kind that has a host (http, https, ws, socks5 ...), after RFC 3986: parsed strictly, kept normalised.
//
//     const auto url = Url::parse("HTTP://Example.org:80/a/../b?c=d e#f");
//     url->to_string() == "http://example.org/b?c=d%20e#f"
//     url->resolve("../x")->to_string() == "http://example.org/x"
//
// Normalised: scheme and host in lower case, the default port left out, an empty path is "/", "." and ".." resolved, "%41" is
// "A" and "%2f" "%2F". Bytes that no URL may hold (blanks, UTF-8) are encoded in path, query and fragment, as browsers do;
// nowhere else. What could be read in two ways is refused: user names with odd bytes, hosts that are nearly an IP address.
//
// A value; its parts are views that are valid as long as it lives unchanged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bine/base/result.h"

namespace bine {

class Url {
public:
    static constexpr std::size_t kLongest = 65536;  // bytes

    // Errors: invalid_argument, which says what is wrong; a host in other letters than ASCII has to be written in its
    // "xn--" form. limit_exceeded when it is longer than kLongest.
    static Result<Url> parse(std::string_view text);
    // What a link `reference` in the document at this URL means (RFC 3986 section 5.2). A reference without a fragment gets
    // none. Errors: those of parse().
    Result<Url> resolve(std::string_view reference) const;

    const std::string& scheme() const noexcept { return scheme_; }
    // "example.org", "127.0.0.1", "::1" (without brackets), "fe80::1%eth0".
    const std::string& host() const noexcept { return host_; }
    bool host_is_ipv6() const noexcept { return ipv6_; }
    // As given, else the default of the scheme; 0 when there is neither.
    uint16_t port() const noexcept { return port_; }
    // Decoded; empty when there is none.
    const std::string& user() const noexcept { return user_; }
    const std::string& password() const noexcept { return password_; }
    bool has_credentials() const noexcept { return !user_.empty() || !password_.empty(); }
    // Encoded; begins with '/'.
    const std::string& path() const noexcept { return path_; }
    // Encoded, without the '?'; nothing when there is no '?'.
    const std::optional<std::string>& query() const noexcept { return query_; }
    const std::optional<std::string>& fragment() const noexcept { return fragment_; }

    bool is_http() const noexcept { return scheme_ == "http" || scheme_ == "https"; }
    // Of the schemes that are spoken over TLS: https, wss.
    bool is_secure() const noexcept { return scheme_ == "https" || scheme_ == "wss"; }

    // Path and query: what a request line holds.
    std::string target() const;
    // Host and port, as a Host field holds them: "example.org", "[::1]:8080". Without the default port.
    std::string authority() const;
    // Always with the port: "example.org:80".
    std::string host_and_port() const;
    // Scheme, host and port, which say whose it is (RFC 6454): "http://example.org", "https://[::1]:8443".
    std::string origin() const;
    bool same_origin(const Url& other) const noexcept;
    // All of it but user and password, which are not for logs.
    std::string to_string() const;
    // All of it.
    std::string with_credentials() const;

    // Changes a part. `text` is not encoded yet.
    void append_query(std::string_view name, std::string_view value);
    void set_credentials(std::string user, std::string password);
    void clear_credentials() noexcept;
    void set_fragment(std::optional<std::string> encoded) { fragment_ = std::move(encoded); }

    friend bool operator==(const Url&, const Url&) = default;

private:
    struct Parts;

    Url() = default;
    static Result<Url> make(const Parts& parts);
    Result<> take_authority(std::string_view text);
    Result<> take_credentials(std::string_view text);
    Result<> take_host(std::string_view text);
    Result<> take_port(std::string_view text);
    Result<> take_rest(const Parts& parts);

    std::string scheme_;
    std::string user_;
    std::string password_;
    std::string host_;
    std::string path_ = "/";
    std::optional<std::string> query_;
    std::optional<std::string> fragment_;
    uint16_t port_ = 0;
    bool ipv6_ = false;
};

// The port that a scheme has when a URL names none; 0 for those that are not known here.
uint16_t default_port(std::string_view scheme) noexcept;

}  // namespace bine
