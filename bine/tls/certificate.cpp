#include "bine/tls/certificate.h"

#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <span>

#include "bine/driver/address.h"
#include "bine/tls/openssl.h"
#include "bine/tls/randomness.h"
#include "bine/wire/ip_text.h"

namespace bine::tls {

namespace {

X509* x509(const Certificate& certificate) noexcept { return static_cast<X509*>(certificate.handle()); }

Certificate certificate_of(OwnedX509 x) { return Certificate(std::shared_ptr<void>(x.release(), Free<X509_free>())); }

OwnedBio bio_of(std::string_view text) { return OwnedBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string text_of(BIO& bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(&bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string name_of(const X509_NAME* name) {
    const OwnedBio bio(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    return text_of(*bio);
}

std::string hex_of(std::span<const unsigned char> bytes) {
    std::string text;
    for (const unsigned char byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

template <class Ip>
std::string address_text(const ASN1_OCTET_STRING& bytes) {
    Ip address{};
    std::copy_n(ASN1_STRING_get0_data(&bytes), address.size(), address.begin());
    return wire::to_text(address);
}

std::string address_of(const ASN1_OCTET_STRING& bytes) {
    switch (ASN1_STRING_length(&bytes)) {
        case sizeof(wire::Ipv4): return address_text<wire::Ipv4>(bytes);
        case sizeof(wire::Ipv6): return address_text<wire::Ipv6>(bytes);
        default: return {};
    }
}

std::string text_of(const GENERAL_NAME& name) {
    int type = 0;
    const void* const value = GENERAL_NAME_get0_value(&name, &type);
    if (type == GEN_IPADD) return address_of(*static_cast<const ASN1_OCTET_STRING*>(value));
    if (type != GEN_DNS) return {};
    const auto& text = *static_cast<const ASN1_STRING*>(value);
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&text)),
            static_cast<std::size_t>(ASN1_STRING_length(&text))};
}

Result<std::vector<Certificate>> read_chain(std::string_view pem) {
    std::vector<Certificate> chain;
    const OwnedBio bio = bio_of(pem);
    while (OwnedX509 x{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
        chain.push_back(certificate_of(std::move(x)));
    }
    const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (!chain.empty() && ended) {
        ERR_clear_error();
        return chain;
    }
    if (chain.empty() && ended) {
        ERR_clear_error();
        return fail(Errc::invalid_argument, "there is no certificate in it (a line \"-----BEGIN CERTIFICATE-----\")");
    }
    return fail(openssl_error(Errc::invalid_argument, "its certificate cannot be read"));
}

// Refuses to ask a terminal.
int no_password(char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

Result<OwnedKey> read_key(std::string_view pem) {
    if (pem.find("PRIVATE KEY-----") == pem.npos) {
        return fail(Errc::invalid_argument, "there is no private key in it (a line \"-----BEGIN PRIVATE KEY-----\")");
    }
    bool password_asked = false;
    OwnedKey key(PEM_read_bio_PrivateKey(bio_of(pem).get(), nullptr, no_password, &password_asked));
    if (key) return key;
    if (password_asked) {
        ERR_clear_error();
        return fail(Errc::invalid_argument,
                    "its key is encrypted, and nobody is here to give the password; take it off with `openssl pkey`");
    }
    return fail(openssl_error(Errc::invalid_argument, "its key cannot be read"));
}

Result<std::string> read_file(const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text;
    std::array<char, 4096> piece{};
    while (file.read(piece.data(), piece.size()) || file.gcount() > 0) {
        text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    }
    if (!file.is_open() || file.bad()) return fail(Error::from_errno(errno ? errno : EIO, "read \"" + path + "\""));
    return text;
}

bool add_extension(X509& x, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, &x, &x, nullptr, nullptr, 0);
    const Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    return extension && X509_add_ext(&x, extension.get(), -1) == 1;
}

std::string alternative_names(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        if (!text.empty()) text += ',';
        text += (Address::try_parse_ip(name, 0) ? "IP:" : "DNS:") + name;
    }
    return text;
}

bool set_random_serial(X509& x) {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
    bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
    const Owned<BIGNUM, BN_free> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
    return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&x));
}

bool fill_self_signed(X509& x, EVP_PKEY& key, const std::vector<std::string>& names, WallTime now, int days) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    X509_NAME* const name = X509_get_subject_name(&x);
    const auto* const common = reinterpret_cast<const unsigned char*>(names.front().c_str());
    return X509_set_version(&x, X509_VERSION_3) && set_random_serial(x) &&
           ASN1_TIME_set(X509_getm_notBefore(&x), seconds - 3600) &&
           ASN1_TIME_set(X509_getm_notAfter(&x), seconds + int64_t{days} * 86400) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, common, -1, -1, 0) && X509_set_issuer_name(&x, name) &&
           X509_set_pubkey(&x, &key) && add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_extension(x, NID_subject_alt_name, alternative_names(names)) && X509_sign(&x, &key, EVP_sha256()) > 0;
}

}  // namespace

Result<Certificate> Certificate::from_pem(std::string_view pem) {
    auto chain = read_chain(pem);
    if (!chain) return fail(chain.error());
    return chain->front();
}

std::string Certificate::subject() const { return name_of(X509_get_subject_name(x509(*this))); }
std::string Certificate::issuer() const { return name_of(X509_get_issuer_name(x509(*this))); }

std::vector<std::string> Certificate::names() const {
    std::vector<std::string> names;
    const OwnedNames all(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509(*this), NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
        if (std::string name = text_of(*sk_GENERAL_NAME_value(all.get(), i)); !name.empty())
            names.push_back(std::move(name));
    }
    return names;
}

WallTime Certificate::not_before() const { return wall_time_of(X509_get0_notBefore(x509(*this))); }
WallTime Certificate::not_after() const { return wall_time_of(X509_get0_notAfter(x509(*this))); }

std::string Certificate::sha256() const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    X509_digest(x509(*this), EVP_sha256(), digest.data(), &size);
    return hex_of(std::span(digest).first(size));
}

std::string Certificate::pin() const {
    unsigned char* der = nullptr;
    const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509(*this)), &der);
    if (length <= 0) return {};
    std::array<unsigned char, 32> digest{};
    EVP_Digest(der, static_cast<std::size_t>(length), digest.data(), nullptr, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    std::array<unsigned char, 48> text{};
    const int size = EVP_EncodeBlock(text.data(), digest.data(), digest.size());
    return "sha256/" + std::string(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(size));
}

std::string Certificate::pem() const {
    const OwnedBio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), x509(*this));
    return text_of(*bio);
}

Result<Identity> Identity::make(const Text& certificates, const Text& key_text) {
    auto chain = read_chain(certificates.pem);
    if (!chain) return fail(chain.error().with_context(certificates.what));
    auto key = read_key(key_text.pem);
    if (!key) return fail(key.error().with_context(key_text.what));
    if (X509_check_private_key(x509(chain->front()), key->get()) != 1) {
        ERR_clear_error();
        return fail(Errc::invalid_argument, std::string(key_text.what) + " does not belong to the first of " +
                                                std::string(certificates.what) + " (" + chain->front().subject() + ")");
    }
    return Identity(std::move(*chain), std::shared_ptr<void>(key->release(), Free<EVP_PKEY_free>()));
}

Result<Identity> Identity::load(const std::string& certificate_file, const std::string& key_file) {
    const auto certificates = read_file(certificate_file);
    if (!certificates) return fail(certificates.error());
    const auto key = read_file(key_file);
    if (!key) return fail(key.error());
    return make({*certificates, "the certificates in \"" + certificate_file + "\""},
                {*key, "the key in \"" + key_file + "\""});
}

Result<Identity> Identity::from_pem(std::string_view certificates, std::string_view key) {
    return make({certificates, "the certificates"}, {key, "the key"});
}

Result<Identity> Identity::self_signed(const std::vector<std::string>& names, WallTime now, int days) {
    if (names.empty()) return fail(Errc::invalid_argument, "make a certificate: it needs a name at least");
    use_chance_of_worlds();
    OwnedKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    OwnedX509 x(X509_new());
    if (!key || !x || !fill_self_signed(*x, *key, names, now, days)) {
        return fail(openssl_error(Errc::invalid_argument, "make a certificate for \"" + names.front() + "\""));
    }
    return Identity({certificate_of(std::move(x))}, std::shared_ptr<void>(key.release(), Free<EVP_PKEY_free>()));
}

std::string Identity::certificates_pem() const {
    std::string text;
    for (const Certificate& certificate : chain_) text += certificate.pem();
    return text;
}

std::string Identity::key_pem() const {
    const OwnedBio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PKCS8PrivateKey(bio.get(), static_cast<EVP_PKEY*>(key_.get()), nullptr, nullptr, 0, nullptr, nullptr);
    return text_of(*bio);
}

}  // namespace bine::tls
