// SPDX-License-Identifier: Apache-2.0
#include "core/server/ports_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "core/base/errno_text.h"
#include "core/base/host_port.h"
#include "core/base/remedy.h"
#include "core/server/interface_addresses.h"
#include "fmt/format.h"
#include "proto/json_writer.h"

namespace nuring::server {
namespace {

std::vector<std::string> urls_of(const PortsEntry& entry) {
    std::vector<std::string> hosts;
    if (entry.host.empty() || entry.host == "0.0.0.0" || entry.host == "::") {
        hosts = interface_addresses(/*reachable=*/false);
    } else {
        hosts.push_back(entry.host);
    }
    for (std::string& host : hosts) {
        host = fmt::format("{}://{}", entry.scheme, base::host_port(host, entry.port));
    }
    return hosts;
}

// Entries of one kind stand behind one another and share an array.
std::string to_json(const std::vector<PortsEntry>& entries) {
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    std::string_view kind;
    json.begin_object();
    for (const PortsEntry& entry : entries) {
        if (entry.kind != kind) {
            if (!kind.empty()) json.end_array();
            kind = entry.kind;
            json.begin_array(kind);
        }
        for (const std::string& url : urls_of(entry)) json.value(url);
    }
    if (!kind.empty()) json.end_array();
    json.end_object();
    return text;
}

}  // namespace

absl::Status PortsFile::write(const std::string& folder, const std::string& program,
                              const std::vector<PortsEntry>& entries) {
    const std::string text = to_json(entries);
    const std::string path = fmt::format("{}/{}_{}.ports", folder, program, ::getpid());
    // Under its own name only when complete: readers wait for the file to appear.
    const std::string partial = path + ".partial";
    std::FILE* file = std::fopen(partial.c_str(), "we");
    bool good = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if (file != nullptr && std::fclose(file) != 0) good = false;
    if (!good || std::rename(partial.c_str(), path.c_str()) != 0) {
        const int error = errno;
        return absl::UnavailableError(fmt::format("Error writing ports file ({}): {}{}", path,
                                                  base::errno_text(error), base::file_remedy(error)));
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
