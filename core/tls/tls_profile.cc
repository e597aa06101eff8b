// SPDX-License-Identifier: Apache-2.0
#include "core/tls/tls_profile.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <utility>

#include "core/base/errno_text.h"
#include "core/base/remedy.h"
#include "core/base/status.h"
#include "core/tls/tls_error.h"
#include "fmt/format.h"

namespace nuring::tls {
namespace {

// How long a ticket is good for. Short, because who comes back with one is not verified again.
constexpr long kTicketLifetime_s = 300;  // NOLINT(google-runtime-int): OpenSSL's type

// As in Go where the processor has AES.
constexpr const char* kSuites13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

// 1,024-bit RSA and SHA-1 in the chain are still met; Debian's own default, 2, would refuse them.
constexpr int kSecurityLevel = 1;

struct CurveName {
    std::string_view go;
    const char* openssl;
};
constexpr CurveName kCurves[] = {{"X25519", "X25519"},
                                 {"CurveP256", "P-256"},
                                 {"CurveP384", "P-384"},
                                 {"CurveP521", "P-521"}};

// A bundle of roots has a few hundred kilobytes.
constexpr size_t kFileBytesMax = 16 * 1024 * 1024;

constexpr unsigned char kSessionScope[] = "nats";

std::string open_error(const std::string& path, int error) {
    return fmt::format("open {}: {}{}", path, base::errno_text(error), base::file_remedy(error));
}

// Not a stream of the library: those throw when a directory is read.
absl::StatusOr<std::string> read_file(const std::string& path) {
    struct Closer {
        void operator()(std::FILE* file) const { (void)std::fclose(file); }
    };
    const std::unique_ptr<std::FILE, Closer> file(std::fopen(path.c_str(), "rbe"));
    if (file == nullptr) return absl::NotFoundError(open_error(path, errno));
    std::string text;
    std::array<char, 16 * 1024> block;
    while (const size_t size = std::fread(block.data(), 1, block.size(), file.get())) {
        text.append(block.data(), size);
        if (text.size() > kFileBytesMax) return absl::OutOfRangeError(open_error(path, EFBIG));
    }
    OPENSSL_cleanse(block.data(), block.size());
    if (std::ferror(file.get()) != 0) return absl::NotFoundError(open_error(path, errno));
    return text;
}

// The content of the files. The key is wiped when it is not needed any more.
struct Material {
    std::string certificates;
    std::string key;
    std::string roots;

    Material() = default;
    Material(const Material&) = delete;
    Material& operator=(const Material&) = delete;
    ~Material() { OPENSSL_cleanse(key.data(), key.size()); }
};

BioHandle memory(const std::string& text) {
    return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Otherwise OpenSSL would ask at the terminal.
int refuse_passphrase(char*, int, int, void*) { return -1; }

// The next certificate of a PEM text; null at its end.
CertificateHandle next_certificate(BIO* in) {
    return CertificateHandle(PEM_read_bio_X509(in, nullptr, &refuse_passphrase, nullptr));
}

absl::Status pair_error(std::string_view text) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        fmt::format("error parsing X509 certificate/key pair: {}", text));
}

// Seconds since 1970; 0: there is no certificate, or its time is none.
int64_t end_of(const X509* certificate) {
    tm parts{};
    if (certificate == nullptr ||
        ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) {
        return 0;
    }
    return timegm(&parts);
}

absl::Status use_key_pair(SSL_CTX* native, const Material& material) {
    const BioHandle in = memory(material.certificates);
    const CertificateHandle leaf = next_certificate(in.get());
    if (leaf == nullptr) {
        return pair_error(ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
                              ? "tls: failed to find any PEM data in certificate input"
                              : take_error());
    }
    if (SSL_CTX_use_certificate(native, leaf.get()) != 1) return pair_error(take_error());
    while (CertificateHandle intermediate = next_certificate(in.get())) {
        if (SSL_CTX_add0_chain_cert(native, intermediate.get()) != 1) return pair_error(take_error());
        (void)intermediate.release();  // it has the chain from now on
    }
    ERR_clear_error();
    const BioHandle key_in = memory(material.key);
    const KeyHandle key(PEM_read_bio_PrivateKey(key_in.get(), nullptr, &refuse_passphrase, nullptr));
    if (key == nullptr) {
        return pair_error(material.key.find("-----BEGIN") == std::string::npos
                              ? "tls: failed to find any PEM data in key input"
                              : "tls: failed to parse private key");
    }
    if (X509_check_private_key(leaf.get(), key.get()) != 1) {
        return pair_error("tls: private key does not match public key");
    }
    if (SSL_CTX_use_PrivateKey(native, key.get()) != 1) return pair_error(take_error());
    return absl::OkStatus();
}

absl::Status use_roots(SSL_CTX* native, const ProfileSettings& settings, const Material& material) {
    if (settings.ca_file.empty()) {
        SSL_CTX_set_default_verify_paths(native);
        return absl::OkStatus();
    }
    X509_STORE* store = SSL_CTX_get_cert_store(native);
    // As in Go, whatever stands in the file is trusted, be it no root.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    const BioHandle in = memory(material.roots);
    int count = 0;
    while (const CertificateHandle root = next_certificate(in.get())) {
        if (X509_STORE_add_cert(store, root.get()) != 1) break;
        if (settings.role == Role::kServer) SSL_CTX_add_client_CA(native, root.get());
        ++count;
    }
    ERR_clear_error();
    if (count == 0) return absl::InvalidArgumentError("failed to parse root ca certificate");
    return absl::OkStatus();
}

// Go's name is IANA's, but for the two that got a suffix later.
std::string openssl_suite(const std::string& name) {
    for (const std::string& each : {name, name + "_SHA256"}) {
        const std::string found = OPENSSL_cipher_name(each.c_str());
        if (found != "(NONE)") return found;
    }
    return "";
}

bool is_suite_of_13(std::string_view name) {
    return name == "TLS_AES_128_GCM_SHA256" || name == "TLS_AES_256_GCM_SHA384" ||
           name == "TLS_CHACHA20_POLY1305_SHA256";
}

absl::Status use_suites(SSL_CTX* native, const std::vector<std::string>& names,
                        std::vector<std::string>* unavailable) {
    SSL_CTX_set_ciphersuites(native, kSuites13);
    if (names.empty()) return absl::OkStatus();
    std::string list;
    bool only_13 = true;
    for (const std::string& name : names) {
        if (is_suite_of_13(name)) continue;
        only_13 = false;
        const std::string suite = openssl_suite(name);
        // One by one, because of suites that OpenSSL knows by name but was built without.
        if (suite.empty() || SSL_CTX_set_cipher_list(native, suite.c_str()) != 1) {
            unavailable->push_back(name);
            continue;
        }
        if (!list.empty()) list += ':';
        list += suite;
    }
    ERR_clear_error();
    if (only_13) {
        SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
        return absl::OkStatus();
    }
    if (list.empty() || SSL_CTX_set_cipher_list(native, list.c_str()) != 1) {
        ERR_clear_error();
        return absl::InvalidArgumentError(
            "error parsing tls config, none of the 'cipher_suites' is available");
    }
    return absl::OkStatus();
}

absl::Status use_curves(SSL_CTX* native, const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names) {
        for (const CurveName& curve : kCurves) {
            if (curve.go != name) continue;
            if (!list.empty()) list += ':';
            list += curve.openssl;
        }
    }
    if (list.empty()) return absl::OkStatus();
    if (SSL_CTX_set1_groups_list(native, list.c_str()) != 1) {
        return absl::InvalidArgumentError(
            fmt::format("error parsing tls config, 'curve_preferences': {}", take_error()));
    }
    return absl::OkStatus();
}

void use_policy(SSL_CTX* native, const ProfileSettings& settings) {
    SSL_CTX_set_security_level(native, kSecurityLevel);
    SSL_CTX_set_min_proto_version(native,
                                  settings.min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(native, TLS1_3_VERSION);
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    // An idle connection holds no record buffers.
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);  // tickets need no memory here
    SSL_CTX_set_session_id_context(native, kSessionScope, sizeof kSessionScope - 1);
    SSL_CTX_set_timeout(native, kTicketLifetime_s);
    SSL_CTX_set_num_tickets(native, 1);
    if (settings.peer_check == PeerCheck::kNone) return;
    const int required =
        settings.peer_check == PeerCheck::kRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER | required, nullptr);
}

// Each part with its length before it, so that no two settings look alike.
std::string fingerprint_of(const ProfileSettings& settings, const Material& material) {
    std::string text;
    const auto add = [&text](std::string_view part) {
        text += fmt::format("{}:", part.size());
        text += part;
    };
    add(material.certificates);
    add(material.key);
    add(material.roots);
    add(settings.min_version);
    add(fmt::format("{}", static_cast<int>(settings.peer_check)));
    add(settings.ca_file.empty() ? "" : "roots");
    for (const std::string& each : settings.cipher_suites) add(each);
    add("curves");
    for (const std::string& each : settings.curves) add(each);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
    OPENSSL_cleanse(text.data(), text.size());
    return {reinterpret_cast<const char*>(digest.data()), size};
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Profile>> Profile::create(const ProfileSettings& settings) {
    Material material;
    const bool has_pair = !settings.cert_file.empty();
    for (const auto& [path, out] : {std::pair{&settings.cert_file, &material.certificates},
                                    std::pair{&settings.key_file, &material.key}}) {
        if (!has_pair) break;
        absl::StatusOr<std::string> text = read_file(*path);
        if (!text.ok()) return pair_error(base::message_of(text.status()));
        *out = *std::move(text);
    }
    if (!settings.ca_file.empty()) {
        absl::StatusOr<std::string> text = read_file(settings.ca_file);
        if (!text.ok()) return text.status();
        material.roots = *std::move(text);
    }
    std::shared_ptr<Profile> made(new Profile());
    made->role_ = settings.role;
    made->native_.reset(
        SSL_CTX_new(settings.role == Role::kServer ? TLS_server_method() : TLS_client_method()));
    if (made->native_ == nullptr) return absl::InternalError(take_error());
    SSL_CTX* native = made->native_.get();
    use_policy(native, settings);
    if (has_pair) {
        if (absl::Status status = use_key_pair(native, material); !status.ok()) return status;
    }
    if (absl::Status status = use_roots(native, settings, material); !status.ok()) return status;
    if (absl::Status status =
            use_suites(native, settings.cipher_suites, &made->unavailable_suites_);
        !status.ok()) {
        return status;
    }
    if (absl::Status status = use_curves(native, settings.curves); !status.ok()) return status;
    made->fingerprint_ = fingerprint_of(settings, material);
    made->certificate_end_s_ = end_of(SSL_CTX_get0_certificate(native));
    return std::shared_ptr<const Profile>(std::move(made));
}

}  // namespace nuring::tls
