// SPDX-License-Identifier: Apache-2.0
// Any bytes from a peer that has not shown who it is, to an acceptor and to a dialer, in steps of the
// size that the first one names: the engine never takes what was not offered, and after a failure there
// is a text.
#include "core/tls/tls_engine.h"

#include <memory>
#include <string>

#include "bench/support/certificates.h"
#include "core/link/tls_channel.h"
#include "tests/fuzz/require.h"

namespace {

using namespace nuring;
using nuring::test::require;

std::shared_ptr<const tls::Profile> make_profile(tls::Role role) {
    const nuring::test::TestCertificate pair({});
    auto made = tls::Profile::create({.role = role,
                                      .cert_file = pair.certificate_file(),
                                      .key_file = pair.key_file(),
                                      .ca_file = pair.certificate_file(),
                                      .peer_check = tls::PeerCheck::kRequired});
    require(made.ok(), "a profile");
    return *made;
}

void try_handshake(std::shared_ptr<const tls::Profile> profile, std::string_view input, size_t step) {
    const auto engine = tls::Engine::create(std::move(profile), "localhost");
    std::string sent;
    const tls::Output output{
        .append = [](void* out, const char* said,
                     size_t count) { static_cast<std::string*>(out)->append(said, count); },
        .state = &sent};
    for (std::string_view offered;; offered = input.substr(0, step)) {
        const size_t before = offered.size();
        const tls::HandshakeStatus status = engine->handshake(&offered, output);
        require(offered.size() <= before, "it takes what is offered");
        input.remove_prefix(before - offered.size());
        require(status != tls::HandshakeStatus::kDone, "nobody has a certificate");
        if (status == tls::HandshakeStatus::kFailed) {
            require(!engine->error().empty(), "a reason");
            return;
        }
        require(offered.empty(), "all of it");
        if (input.empty()) return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    static const auto server = make_profile(tls::Role::kServer);
    static const auto client = make_profile(tls::Role::kClient);
    if (size == 0) return 0;
    const size_t step = size_t{bytes[0]} * 16 + 1;
    const std::string_view input = nuring::test::view_of(bytes, size).substr(1);
    require(link::whole_records_size(input) <= input.size(), "no more than there is");
    try_handshake(server, input, step);
    try_handshake(client, input, step);
    return 0;
}
