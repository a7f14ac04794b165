// How a client proves who it is: Basic (RFC 7617), Bearer (RFC 6750), Digest (RFC 7616), and the challenges that ask for
// them (RFC 9110 section 11). The same for proxies, whose fields are named Proxy-*. Values; one thread each.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bine/base/result.h"

namespace bine::http {

// Values of Authorization.
// Errors: invalid_argument for a colon in the user name, and for control characters.
Result<std::string> basic_authorization(std::string_view user, std::string_view password);
// Errors: invalid_argument for what is no token68 (letters, digits, -._~+/ and = at the end).
Result<std::string> bearer_authorization(std::string_view token);

// One way that a server offers.
struct Challenge {
    std::string scheme;                                           // lower case: "basic", "digest"
    std::string token68;                                          // instead of parameters; Negotiate has it
    std::vector<std::pair<std::string, std::string>> parameters;  // names in lower case, values without their quotes

    // The value of the first parameter of this name.
    std::optional<std::string_view> find(std::string_view name) const noexcept;
};

// The challenges of a WWW-Authenticate field; of several such fields, join the values with commas or call it for each.
// Linear. Errors: remote_protocol for what the grammar does not know.
Result<std::vector<Challenge>> parse_challenges(std::string_view value);

// Answers digest challenges, and further requests without being asked again, as long as the server's nonce is good.
class DigestAuth {
public:
    static constexpr std::size_t kClientNonce = 16;

    DigestAuth(std::string user, std::string password) : user_(std::move(user)), password_(std::move(password)) {}

    // Takes the strongest digest of `challenges` that bine knows: SHA-512-256, SHA-256, MD5, each also as -sess; with
    // qop=auth, or without any as RFC 2069 had it. `answered` says whether the request that was refused carried an
    // authorization of this object.
    // Errors: unsupported when there is none; EACCES when the first answer to a nonce was refused and the nonce is not
    // stale, so that user name or password are wrong; remote_protocol for one without realm or nonce.
    Result<> challenged(const std::vector<Challenge>& challenges, bool answered);

    // Whether there is something to answer.
    bool ready() const noexcept { return !nonce_.empty(); }

    // The value of Authorization for a request; counts up what the server counts. `target` is exactly what stands in the
    // request line; `client_nonce` is kClientNonce bytes of chance.
    // Errors: local_protocol when not ready(); unsupported when OpenSSL was built without the hash.
    Result<std::string> authorization(std::string_view method, std::string_view target,
                                      std::span<const std::byte, kClientNonce> client_nonce);

private:
    enum class Hash : uint8_t { md5, sha256, sha512_256 };
    struct Algorithm {
        Hash hash = Hash::md5;
        bool session = false;  // -sess
    };

    static std::optional<Algorithm> try_parse_algorithm(std::string_view name) noexcept;
    static const Challenge* choose(const std::vector<Challenge>& challenges) noexcept;
    static Result<std::string> digest(Hash hash, std::string_view text);
    Result<std::string> secret() const;
    Result<std::string> response(std::string_view method, std::string_view target, std::string_view count) const;

    std::string user_;
    std::string password_;
    Algorithm algorithm_;
    std::string algorithm_name_;  // as the server wrote it; empty when it did not
    bool with_qop_ = false;
    bool hides_user_ = false;  // userhash
    std::string realm_;
    std::string nonce_;
    std::optional<std::string> opaque_;
    std::string client_nonce_;  // of the last answer; a session keeps its first
    uint32_t count_ = 0;        // answers with this nonce
};

}  // namespace bine::http
