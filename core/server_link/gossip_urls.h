// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace nuring::server_link {

// GossipUrls is a set of addresses that other servers have announced, with a count for each: two servers may
// announce the same address, which stays until both have withdrawn it. Keeps the order of arrival.
// Threads: one at a time; the owner's lock.
// Limits:  kUrlsMax addresses of kUrlBytesMax, and the first kListMax of each list; the rest is ignored.
// Errors:  none.
class GossipUrls {
  public:
    static constexpr size_t kUrlsMax = 4096;
    // An INFO of 1 MiB has room for 60,000 addresses, each of which would be searched for under the lock.
    static constexpr size_t kListMax = 256;
    // A name of DNS has 253 characters at most.
    static constexpr size_t kUrlBytesMax = 512;

    // Those of a list that count.
    static std::vector<std::string> first_of(const std::vector<std::string>& urls) {
        std::vector<std::string> first;
        for (const std::string& url : std::span(urls).first(std::min(urls.size(), kListMax))) {
            if (url.size() <= kUrlBytesMax) first.push_back(url);
        }
        return first;
    }

    // True: an address is new.
    bool add(const std::vector<std::string>& urls) {
        bool is_news = false;
        for (const std::string& url : first_of(urls)) {
            const auto known = find(url);
            if (known != urls_.end()) {
                ++known->second;
            } else if (urls_.size() < kUrlsMax) {
                urls_.emplace_back(url, 1);
                is_news = true;
            }
        }
        return is_news;
    }

    // True: an address has gone. Addresses that are not known are ignored.
    bool remove(const std::vector<std::string>& urls) {
        bool is_news = false;
        for (const std::string& url : first_of(urls)) {
            const auto known = find(url);
            if (known == urls_.end() || --known->second > 0) continue;
            urls_.erase(known);
            is_news = true;
        }
        return is_news;
    }

    // Appends all addresses that `urls` does not hold yet.
    void append_to(std::vector<std::string>* urls) const {
        const std::vector<std::string> before = *urls;
        for (const auto& [url, count] : urls_) {
            if (std::find(before.begin(), before.end(), url) == before.end()) urls->push_back(url);
        }
    }
    bool empty() const { return urls_.empty(); }

  private:
    using Counted = std::vector<std::pair<std::string, int>>;

    Counted::iterator find(const std::string& url) {
        return std::find_if(urls_.begin(), urls_.end(), [&](const auto& each) { return each.first == url; });
    }

    Counted urls_;
};

}  // namespace nuring::server_link
