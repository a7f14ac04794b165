// X.509 certificates (RFC 5280) as values: what one says, and an identity - a chain with its private key - to show to others.
//
// Immutable and cheap to copy; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/result.h"
#include "bine/base/time.h"

namespace bine::tls {

class Certificate {
public:
    // Of the X509 object that `handle` shares. For the layer's own sources.
    explicit Certificate(std::shared_ptr<void> handle) noexcept : handle_(std::move(handle)) {}

    // The first certificate of a PEM text. Errors: invalid_argument.
    static Result<Certificate> from_pem(std::string_view pem);

    std::string subject() const;  // "CN=example.org,O=Example"
    std::string issuer() const;
    // The names and addresses that it is for (subjectAltName): "example.org", "*.example.org", "192.0.2.1".
    std::vector<std::string> names() const;
    WallTime not_before() const;
    WallTime not_after() const;
    // Of the whole certificate, in lower-case hexadecimal.
    std::string sha256() const;
    // Of its public key (SPKI), as pins are written: "sha256/BASE64".
    std::string pin() const;
    std::string pem() const;

    void* handle() const noexcept { return handle_.get(); }

private:
    std::shared_ptr<void> handle_;
};

// A private key with the chain of certificates that shows whose it is, the leaf first. The root may be left out.
class Identity {
public:
    // Errors: a file that cannot be read, holds no certificate or key, a key that needs a password, one that does not belong
    // to the first certificate. Each names the file.
    static Result<Identity> load(const std::string& certificate_file, const std::string& key_file);
    static Result<Identity> from_pem(std::string_view certificates, std::string_view key);
    // A certificate of its own issuer (ECDSA P-256), for `names` (host names and IP addresses), valid from an hour before
    // `now` for `days`. For development and tests: nobody trusts it who has not been told to.
    static Result<Identity> self_signed(const std::vector<std::string>& names, WallTime now, int days = 30);

    const Certificate& certificate() const noexcept { return chain_.front(); }
    const std::vector<Certificate>& chain() const noexcept { return chain_; }
    std::string certificates_pem() const;
    std::string key_pem() const;

    void* key() const noexcept { return key_.get(); }

private:
    struct Text {
        std::string_view pem;
        std::string what;
    };
    static Result<Identity> make(const Text& certificates, const Text& key);

    Identity(std::vector<Certificate> chain, std::shared_ptr<void> key) noexcept
        : chain_(std::move(chain)), key_(std::move(key)) {}

    std::vector<Certificate> chain_;
    std::shared_ptr<void> key_;  // an EVP_PKEY
};

}  // namespace bine::tls
