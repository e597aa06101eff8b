// SPDX-License-Identifier: Apache-2.0
#include "core/server/ports_file.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "fmt/format.h"

namespace nuring::server {
namespace {

std::vector<std::string> addresses_of_this_machine() {
    std::vector<std::string> addresses;
    ifaddrs* found = nullptr;
    if (::getifaddrs(&found) != 0) return addresses;
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> guard(found, ::freeifaddrs);
    std::array<char, INET6_ADDRSTRLEN> text;
    for (const ifaddrs* entry = found; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr) continue;
        if (entry->ifa_addr->sa_family == AF_INET) {
            const auto* v4 = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
            ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
            addresses.emplace_back(text.data());
        } else if (entry->ifa_addr->sa_family == AF_INET6) {
            const auto* v6 = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
            ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
            addresses.push_back(fmt::format("[{}]", text.data()));
        }
    }
    return addresses;
}

}  // namespace

absl::Status PortsFile::write(const std::string& folder, const std::string& program,
                              const std::string& host, uint16_t port) {
    std::vector<std::string> hosts;
    if (host.empty() || host == "0.0.0.0" || host == "::") {
        hosts = addresses_of_this_machine();
    } else {
        hosts.push_back(host.find(':') == std::string::npos ? host : fmt::format("[{}]", host));
    }
    std::string urls;
    for (const std::string& each : hosts) {
        urls += fmt::format("{}\"nats://{}:{}\"", urls.empty() ? "" : ",", each, port);
    }
    const std::string text = fmt::format("{{\"nats\":[{}]}}", urls);
    const std::string path = fmt::format("{}/{}_{}.ports", folder, program, ::getpid());
    // Under its own name only when complete: readers wait for the file to appear.
    const std::string partial = path + ".partial";
    std::FILE* file = std::fopen(partial.c_str(), "we");
    bool good = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if (file != nullptr && std::fclose(file) != 0) good = false;
    if (!good || std::rename(partial.c_str(), path.c_str()) != 0) {
        return absl::ErrnoToStatus(errno, fmt::format("Error writing ports file ({})", path));
    }
    if (path != path_) remove();  // moved by a reload
    path_ = path;
    return absl::OkStatus();
}

void PortsFile::remove() {
    if (!path_.empty()) (void)::unlink(path_.c_str());
    path_.clear();
}

}  // namespace nuring::server
