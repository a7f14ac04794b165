// A certificate authority for tests: makes chains, and every kind of certificate that must not be believed.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "bine/base/time.h"
#include "bine/tls/certificate.h"

namespace bine::tls {

struct Wanted {
    std::vector<std::string> names{"example.org"};  // "IP:192.0.2.1" for addresses
    int days_from = -1;                             // relative to the time that it is made for
    int days_to = 90;
    const char* key = "P-256";  // or "RSA:1024"
    std::string extended_usage = "serverAuth,clientAuth";
    bool may_sign = false;
    std::string common_name = "a test";
    const char* digest = "SHA256";  // of the signature
};

class Authority {
public:
    // One that signed itself.
    explicit Authority(WallTime now, std::string name = "Test Root") : now_(now) {
        key_ = make_key("P-256");
        certificate_ = make(Wanted{.names = {}, .days_to = 3650, .may_sign = true, .common_name = std::move(name)},
                            *key_, nullptr, *key_);
    }

    std::string pem() const { return pem_of(*certificate_); }
    std::string key_pem() const { return pem_of(*key_); }

    // Signed by this one; `between`: the authorities from the signer up that are sent along.
    Identity issue(const Wanted& wanted) const {
        auto key = make_key(wanted.key);
        auto certificate = make(wanted, *key, certificate_.get(), *key_);
        std::string chain = pem_of(*certificate);
        for (const std::string& one : above_) chain += one;
        return Identity::from_pem(chain, pem_of(*key)).value();
    }
    // An authority below this one, which is no root.
    Authority issue_authority(std::string name, bool may_sign = true) const {
        Authority below(*this);
        below.key_ = make_key("P-256");
        below.certificate_ = make(Wanted{.names = {}, .may_sign = may_sign, .common_name = std::move(name)},
                                  *below.key_, certificate_.get(), *key_);
        below.above_.insert(below.above_.begin(), pem_of(*below.certificate_));
        return below;
    }
    // The same, but its certificates come without its own.
    Authority without_chain() const {
        Authority same(*this);
        same.above_.clear();
        return same;
    }

private:
    using Key = std::shared_ptr<EVP_PKEY>;
    using X = std::shared_ptr<X509>;

    static Key make_key(const std::string& kind) {
        EVP_PKEY* const key = kind.starts_with("RSA:")
                                  ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::stoul(kind.substr(4)))
                                  : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kind.c_str());
        return Key(key, EVP_PKEY_free);
    }

    static void add(X509& x, X509& issuer, int kind, const std::string& value) {
        X509V3_CTX context;
        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, &issuer, &x, nullptr, nullptr, 0);
        X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
        X509_add_ext(&x, extension, -1);
        X509_EXTENSION_free(extension);
    }

    X make(const Wanted& wanted, EVP_PKEY& key, X509* issuer, EVP_PKEY& signer) const {
        X x(X509_new(), X509_free);
        const auto seconds = std::chrono::floor<std::chrono::seconds>(now_).time_since_epoch().count();
        static long serial = 1000;
        X509_set_version(x.get(), X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x.get()), ++serial);
        ASN1_TIME_set(X509_getm_notBefore(x.get()), seconds + int64_t{wanted.days_from} * 86400);
        ASN1_TIME_set(X509_getm_notAfter(x.get()), seconds + int64_t{wanted.days_to} * 86400);
        const auto* const common = reinterpret_cast<const unsigned char*>(wanted.common_name.c_str());
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_UTF8, common, -1, -1, 0);
        X509_set_issuer_name(x.get(), X509_get_subject_name(issuer ? issuer : x.get()));
        X509_set_pubkey(x.get(), &key);
        add_extensions(wanted, *x, issuer ? *issuer : *x);
        X509_sign(x.get(), &signer, EVP_get_digestbyname(wanted.digest));
        return x;
    }

    static void add_extensions(const Wanted& wanted, X509& x, X509& issuer) {
        add(x, issuer, NID_basic_constraints, wanted.may_sign ? "critical,CA:TRUE" : "critical,CA:FALSE");
        add(x, issuer, NID_key_usage, wanted.may_sign ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
        add(x, issuer, NID_subject_key_identifier, "hash");
        add(x, issuer, NID_authority_key_identifier, "keyid");
        if (!wanted.may_sign) add(x, issuer, NID_ext_key_usage, wanted.extended_usage);
        std::string names;
        for (const std::string& name : wanted.names) {
            names += (names.empty() ? "" : ",") + (name.starts_with("IP:") ? name : "DNS:" + name);
        }
        if (!names.empty()) add(x, issuer, NID_subject_alt_name, names);
    }

    template <class Write>
    static std::string written(Write write) {
        BIO* const bio = BIO_new(BIO_s_mem());
        write(bio);
        char* data = nullptr;
        const long size = BIO_get_mem_data(bio, &data);
        std::string text(data, static_cast<std::size_t>(size));
        BIO_free(bio);
        return text;
    }
    static std::string pem_of(X509& x) {
        return written([&](BIO* bio) { PEM_write_bio_X509(bio, &x); });
    }
    static std::string pem_of(EVP_PKEY& key) {
        return written(
            [&](BIO* bio) { PEM_write_bio_PKCS8PrivateKey(bio, &key, nullptr, nullptr, 0, nullptr, nullptr); });
    }

    WallTime now_;
    Key key_;
    X certificate_;
    std::vector<std::string> above_;  // what is sent with a certificate: its signers, without the root
};

}  // namespace bine::tls
