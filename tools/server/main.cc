// SPDX-License-Identifier: Apache-2.0
// nats-uring: the server's executable.
#include <cstdio>
#include <memory>
#include <string>

#include "core/base/version.h"
#include "core/config/options.h"
#include "core/server/process.h"
#include "tools/server/flags.h"

int main(int argc, char** argv) {
    using namespace nuring;
    const tools::Flags flags = tools::parse_flags(argc, argv);
    if (const auto answer = tools::immediate_answer(flags, NURING_VERSION)) {
        std::fputs(answer->error.c_str(), stderr);
        std::fputs(answer->out.c_str(), stdout);
        return answer->exit_code;
    }
    auto options = std::make_shared<config::Options>();
    config::Diagnostics diagnostics;
    if (const absl::Status status = tools::apply_flags(flags, options.get(), &diagnostics);
        !status.ok()) {
        std::fprintf(stderr, "nats-uring: %s\n", std::string(status.message()).c_str());
        return 1;
    }
    config::complete(options.get());
    const std::string program(argv[0]);
    return server::run_process(std::move(options), program.substr(program.rfind('/') + 1));
}
