// SPDX-License-Identifier: Apache-2.0
// The `tls` block, wherever it stands. Files are named here and read by core/tls.
#include <fmt/format.h>

#include <algorithm>

#include "core/config/duration.h"
#include "core/config/reader.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

constexpr UnknownKey kInTls = {"error parsing tls config, unknown field [\"", "\"]", false};
constexpr size_t kPinSize = 64;  // hexadecimal digits of a SHA-256

struct TlsBlock {
    TlsOptions tls;
    TlsSide side = TlsSide::kClients;
    bool has_certificate_list = false;
    bool allow_insecure_suites = false;
};

bool is_link(TlsSide side) {
    return side == TlsSide::kLinks || side == TlsSide::kLinkRemote;
}

bool filename(Reader& reader, const Member& member, std::string_view key, std::string* out) {
    if (member.value.type == ValueType::kString) {
        *out = member.value.text;
        return true;
    }
    reader.error(member.value,
                 fmt::format("error parsing tls config, expected '{}' to be filename", key));
    return false;
}

bool flag(Reader& reader, const Member& member, std::string_view key, bool* out) {
    if (member.value.type == ValueType::kBool) {
        *out = member.value.boolean;
        return true;
    }
    reader.error(member.value,
                 fmt::format("error parsing tls config, expected '{}' to be a boolean", key));
    return false;
}

// A list of names, each out of known.
void names(Reader& reader, const Member& member, std::string_view key, std::string_view what,
           const std::vector<std::string>& known, std::vector<std::string>* out) {
    if (!reader.array(member.value)) return;
    if (member.value.elements.empty()) {
        return reader.error(member.value,
                            fmt::format("error parsing tls config, '{}' cannot be empty", key));
    }
    out->clear();
    for (const Value& element : member.value.elements) {
        std::string name;
        if (!reader.text(element, &name)) return;
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return reader.error(element, fmt::format("unrecognized {} {}", what, name));
        }
        out->push_back(name);
    }
}

void read_timeout(Reader& reader, const Member& member, TlsBlock* block) {
    const ValueType type = member.value.type;
    if (type == ValueType::kString) {
        const auto parsed = parse_duration(member.value.text);
        if (!parsed.ok()) {
            return reader.error(member.value, fmt::format("error parsing tls config, 'timeout' {}",
                                                          std::string(parsed.status().message())));
        }
        block->tls.timeout = *parsed;
        return;
    }
    if (type != ValueType::kInteger && type != ValueType::kFloat) {
        return reader.error(member.value, "error parsing tls config, 'timeout' wrong type");
    }
    reader.timeout(member.value, &block->tls.timeout);
}

void read_known_urls(Reader& reader, const Member& member, TlsBlock* block) {
    bool check = false;
    if (!flag(reader, member, "verify_cert_and_check_known_urls", &check)) return;
    if (check && !is_link(block->side)) {
        return reader.error(member.value,
                            "verify_cert_and_check_known_urls not supported in this context");
    }
    block->tls.check_known_urls = check;
}

void read_pins(Reader& reader, const Member& member, TlsBlock* block) {
    if (member.value.type != ValueType::kArray) {
        return reader.error(member.value,
                            "error parsing tls config, expected 'pinned_certs' to be a list of "
                            "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo");
    }
    block->tls.pinned_certs.clear();
    for (const Value& element : member.value.elements) {
        std::string pin;
        if (!reader.text(element, &pin)) return;
        pin = to_lower(pin);
        const bool hex = pin.size() == kPinSize &&
                         pin.find_first_not_of("0123456789abcdef") == std::string::npos;
        if (!hex) {
            return reader.error(element,
                                fmt::format("error parsing tls config, 'pinned_certs' key {} does "
                                            "not look like hex-encoded sha256 of DER encoded "
                                            "SubjectPublicKeyInfo",
                                            pin));
        }
        block->tls.pinned_certs.push_back(pin);
    }
}

void read_rate_limit(Reader& reader, const Member& member, TlsBlock* block) {
    if (member.value.type != ValueType::kInteger) {
        return reader.error(member.value,
                            "error parsing tls config, 'connection_rate_limit' wrong type");
    }
    block->tls.connection_rate_limit = member.value.integer;
}

void read_min_version(Reader& reader, const Member& member, TlsBlock* block) {
    const std::string& version = member.value.text;
    if (member.value.type != ValueType::kString) {
        return reader.error(member.value,
                            fmt::format("error parsing tls config: 'min_version' wrong type: {}",
                                        member.value.go_text()));
    }
    if (version == "1.0" || version == "1.1") {
        return reader.error(member.value,
                            fmt::format("error parsing tls config: unsupported TLS version: TLS {}",
                                        version));
    }
    if (version != "1.2" && version != "1.3") {
        return reader.error(member.value,
                            fmt::format("error parsing tls config: unknown version: {}", version));
    }
    block->tls.min_version = version;
}

// "auto" and durations: a client that sends nothing for this long gets INFO first after all.
constexpr std::chrono::milliseconds kHelloWaitDefault{50};

void read_handshake_first(Reader& reader, const Member& member, TlsBlock* block) {
    TlsOptions& tls = block->tls;
    if (member.value.type == ValueType::kBool) {
        tls.handshake_first = member.value.boolean;
        tls.hello_wait = {};
        return;
    }
    if (member.value.type != ValueType::kString) {
        return reader.error(member.value,
                            fmt::format("field \"{}\" should be a boolean or a string, got {}",
                                        member.key, member.value.go_type()));
    }
    const std::string word = to_lower(member.value.text);
    tls.handshake_first = word != "false" && word != "off" && word != "no";
    tls.hello_wait = {};
    if (!tls.handshake_first || word == "true" || word == "on" || word == "yes") return;
    if (word == "auto" || word == "auto_fallback") {
        tls.hello_wait = kHelloWaitDefault;
        return;
    }
    const auto wait = parse_duration(word);
    if (!wait.ok() || *wait < std::chrono::nanoseconds{0}) {
        return reader.error(member.value, fmt::format("field \"{}\"'s value \"{}\" is invalid",
                                                      member.key, member.value.text));
    }
    tls.hello_wait = *wait;
}

void read_verify(Reader& reader, const Member& member, TlsBlock* block) {
    if (member.value.type == ValueType::kBool) {
        block->tls.verify = member.value.boolean;
    } else if (member.value.type == ValueType::kString && to_lower(member.value.text) == "optional") {
        block->tls.verify_optional = true;
    } else {
        reader.error(member.value,
                     "error parsing tls config, expected 'verify' to be a boolean or 'optional'");
    }
}

// Names of the key exchanges that OpenSSL 3.0 has not: the others of the list are in use.
bool is_hybrid_curve(std::string_view name) {
    return name == "X25519MLKEM768" || name == "SecP256r1MLKEM768" || name == "SecP384r1MLKEM1024";
}

void read_curves(Reader& reader, const Member& member, TlsBlock* block) {
    std::vector<std::string> known = default_curves();
    for (const char* hybrid : {"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"}) {
        known.emplace_back(hybrid);
    }
    std::vector<std::string>& curves = block->tls.curve_preferences;
    names(reader, member, "curve_preferences", "curve preference", known, &curves);
    const size_t all = curves.size();
    std::erase_if(curves, is_hybrid_curve);
    if (curves.size() == all) return;
    if (curves.empty()) {
        return reader.error(member.value,
                            "error parsing tls config, none of the 'curve_preferences' is available");
    }
    reader.note(member.value, Part::kHybridCurves);
}

void read_certificate(Reader& reader, const Value& value, TlsBlock* block) {
    const auto unsupported = [&reader](const Value& at) {
        reader.error(at, fmt::format("error parsing certificates config: unsupported type {}",
                                     at.go_type()));
    };
    if (value.type != ValueType::kMap) return unsupported(value);
    CertificateFiles pair;
    for (const Member& each : value.members) {
        if (each.value.type != ValueType::kString) return unsupported(each.value);
        if (each.key == "cert_file") {
            pair.cert_file = each.value.text;
        } else if (each.key == "key_file") {
            pair.key_file = each.value.text;
        } else {
            return reader.error(
                each.value,
                fmt::format("error parsing tls certs config, unknown field \"{}\"", each.key));
        }
    }
    if (pair.cert_file.empty() || pair.key_file.empty()) {
        return reader.error(value, "error parsing certificates config: both 'cert_file' and 'cert_key' "
                                   "options are required");
    }
    block->tls.certificates.push_back(std::move(pair));
}

void read_certificates(Reader& reader, const Member& member, TlsBlock* block) {
    if (member.value.type != ValueType::kArray) {
        return reader.error(member.value,
                            fmt::format("error parsing certificates config: unsupported type {}",
                                        member.value.go_type()));
    }
    block->has_certificate_list = true;
    block->tls.certificates.clear();
    for (const Value& element : member.value.elements) read_certificate(reader, element, block);
    if (!block->tls.certificates.empty()) reader.note(member.value, Part::kCertificateList);
}

// The stores of Windows. Source: server/certstore/certstore_other.go 2.15.3.
void read_store(Reader& reader, const Member& member, TlsBlock*) {
    if (member.value.type != ValueType::kString || member.value.text.empty()) {
        return reader.error(member.value,
                            fmt::format("expected '{}' to be a valid non-empty string", member.key));
    }
    const std::string key = to_lower(member.key);
    const std::string way = to_lower(member.value.text);
    if (key == "cert_match_by" && way != "subject" && way != "issuer" && way != "thumbprint") {
        return reader.error(member.value, "cert match by type not implemented");
    }
    if (key != "cert_store") return;
    reader.error(member.value, "cert_store not compatible with current operating system");
}

void read_peer_flag(Reader& reader, const Member& member, bool*) {
    bool on = false;
    reader.boolean(member.value, &on);
}

void read_peer_time(Reader& reader, const Member& member, bool*) {
    const ValueType type = member.value.type;
    if (type == ValueType::kInteger || type == ValueType::kFloat) return;  // seconds
    if (type == ValueType::kString && parse_duration(member.value.text).ok()) return;
    reader.error(member.value, "error parsing tls peer config, conversion error: unexpected type");
}

constexpr UnknownKey kInOcspPeer = {"error parsing tls peer config, unknown field [\"", "\"]", false};

constexpr Row<bool> kOcspPeerRows[] = {
    // One of several spellings of the key is enough to ask.
    {"verify",
     [](Reader& r, const Member& m, bool* asks) {
         bool verify = false;
         *asks = (r.boolean(m.value, &verify) && verify) || *asks;
     }},
    {"warn_only", read_peer_flag},
    {"unknown_is_good", read_peer_flag},
    {"allow_when_ca_unreachable", read_peer_flag},
    {"allowed_clockskew", read_peer_time},
    {"ca_timeout", read_peer_time},
    {"cache_ttl_when_next_update_unset", read_peer_time},
};

// Only a block that asks for nothing can be gone without.
void read_ocsp_peer(Reader& reader, const Member& member, TlsBlock*) {
    const Value& value = member.value;
    if (value.type == ValueType::kBool) {
        if (value.boolean) reader.note(value, Part::kOcspPeer);
        return;
    }
    if (value.type != ValueType::kMap) {
        return reader.error(value, fmt::format("error parsing ocsp peer config: unsupported type {}",
                                               value.go_type()));
    }
    bool asks = false;
    read_block(reader, value, kOcspPeerRows, &asks, kInOcspPeer);
    if (asks) reader.note(value, Part::kOcspPeer);
}

constexpr Row<TlsBlock> kTlsRows[] = {
    {"cert_file", [](Reader& r, const Member& m,
                     TlsBlock* b) { filename(r, m, "cert_file", &b->tls.cert_file); }},
    {"key_file",
     [](Reader& r, const Member& m, TlsBlock* b) { filename(r, m, "key_file", &b->tls.key_file); }},
    {"ca_file",
     [](Reader& r, const Member& m, TlsBlock* b) { filename(r, m, "ca_file", &b->tls.ca_file); }},
    {"insecure",
     [](Reader& r, const Member& m, TlsBlock* b) { flag(r, m, "insecure", &b->tls.insecure); }},
    {"verify", read_verify},
    {"verify_and_map",
     [](Reader& r, const Member& m, TlsBlock* b) { flag(r, m, "verify_and_map", &b->tls.map); }},
    {"verify_cert_and_check_known_urls", read_known_urls},
    {"cipher_suites",
     [](Reader& r, const Member& m, TlsBlock* b) {
         names(r, m, "cipher_suites", "cipher", known_cipher_suites(), &b->tls.cipher_suites);
     }},
    {"curve_preferences", read_curves},
    {"allow_insecure_cipher_suites",
     [](Reader& r, const Member& m, TlsBlock* b) {
         flag(r, m, "allow_insecure_cipher_suites", &b->allow_insecure_suites);
     }},
    {"timeout", read_timeout},
    {"connection_rate_limit", read_rate_limit},
    {"pinned_certs", read_pins},
    {"min_version", read_min_version},
    {"handshake_first first immediate", read_handshake_first},
    {"certs certificates", read_certificates},
    {"ocsp_peer", read_ocsp_peer},
    {"cert_store cert_match_by cert_match", read_store},
    {"cert_match_skip_invalid",
     [](Reader& r, const Member& m, TlsBlock*) {
         bool skip = false;
         if (m.value.type == ValueType::kBool) return;
         flag(r, m, "cert_match_skip_invalid", &skip);
     }},
    {"ca_certs_match",
     [](Reader&, const Member&, TlsBlock*) {}},
};

// An end that only dials needs no certificate. A listener without one is of no use, but the reference starts
// with it.
bool check_key_pair(Reader& reader, const Value& value, const TlsBlock& block) {
    const bool no_cert = block.tls.cert_file.empty();
    const bool no_key = block.tls.key_file.empty();
    if (!no_cert && no_key) {
        reader.error(value, "missing 'key_file' in TLS configuration");
        return false;
    }
    if (no_cert && !no_key) {
        reader.error(value, "missing 'cert_file' in TLS configuration");
        return false;
    }
    if (!no_cert && !block.tls.certificates.empty()) {
        reader.error(value, "error parsing tls config, cannot combine 'cert_file' option with 'certs' "
                            "option");
        return false;
    }
    const bool listens = block.side == TlsSide::kClients || block.side == TlsSide::kLinks;
    if (no_cert && listens && !block.has_certificate_list) {
        reader.notice(value, "the tls block has no certificate: whoever connects will be refused");
    }
    return true;
}

// RC4, 3DES, CBC with SHA-256, and an RSA key exchange: what Go's crypto/tls calls insecure.
bool is_insecure_suite(std::string_view name) {
    return name.starts_with("TLS_RSA_") || name.ends_with("_RC4_128_SHA") ||
           name.ends_with("_3DES_EDE_CBC_SHA") || name.ends_with("_CBC_SHA256");
}

// Source: parseTLS in server/opts.go 2.15.3; before 2.11 nats-server takes each suite that it knows.
bool check_suites(Reader& reader, const Value& value, const TlsBlock& block) {
    if (block.allow_insecure_suites) return true;
    std::string insecure;
    for (const std::string& suite : block.tls.cipher_suites) {
        if (is_insecure_suite(suite)) insecure += (insecure.empty() ? "" : ", ") + suite;
    }
    if (insecure.empty()) return true;
    reader.error(value, fmt::format("insecure cipher suites configured without "
                                    "'allow_insecure_cipher_suites' option set: {}",
                                    insecure));
    return false;
}

}  // namespace

bool read_tls(Reader& reader, const Value& value, TlsSide side, std::optional<TlsOptions>* out) {
    if (!reader.map(value)) return false;
    TlsBlock block;
    block.side = side;
    block.tls.position = value.position();
    // A file whose name was misspelt is not missing as well.
    const size_t errors_before = reader.error_count();
    read_block(reader, value, kTlsRows, &block, kInTls);
    if (reader.error_count() != errors_before) return false;
    if (!check_key_pair(reader, value, block) || !check_suites(reader, value, block)) return false;
    // Both imply verify, whichever key comes last; RC19 lets a later `verify: false` win.
    if (block.tls.map || block.tls.check_known_urls) block.tls.verify = true;
    if (block.tls.verify && block.tls.verify_optional) {
        reader.error(value, "error parsing tls config, cannot combine 'verify: optional' with options "
                            "requiring client certificates");
        return false;
    }
    *out = block.tls;
    return true;
}

}  // namespace nuring::config
