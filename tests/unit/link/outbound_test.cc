// SPDX-License-Identifier: Apache-2.0
#include "core/link/outbound.h"

#include <array>
#include <cstring>
#include <string>

#include "core/base/prng.h"
#include "gtest/gtest.h"

namespace nuring::link {
namespace {

std::string text_of(std::span<const iovec> parts) {
    std::string text;
    for (const iovec& part : parts) {
        text.append(static_cast<const char*>(part.iov_base), part.iov_len);
    }
    return text;
}

TEST(OutboundTest, HoldsNothingWhenIdle) {
    runtime::SlabPool pool;
    Outbound outbound(pool);
    EXPECT_TRUE(outbound.empty());
    EXPECT_EQ(outbound.window(), 0U);
    std::array<iovec, 4> parts;
    EXPECT_EQ(outbound.gather(parts), 0U);
    outbound.append("PING\r\n");
    EXPECT_EQ(outbound.pending_bytes(), 6U);
    EXPECT_EQ(pool.lent_bytes(), runtime::SlabPool::kSmallBytes);
    outbound.consume(6);
    EXPECT_TRUE(outbound.empty());
    EXPECT_EQ(outbound.slab_count(), 0U);
    EXPECT_EQ(pool.lent_bytes(), 0U);
}

TEST(OutboundTest, ASendInFlightIsNotTouchedByAppending) {
    runtime::SlabPool pool;
    Outbound outbound(pool);
    outbound.append("first");
    std::array<iovec, 4> parts;
    ASSERT_EQ(outbound.gather(parts), 1U);
    const std::span<const iovec> flight(parts.data(), 1);
    outbound.append(std::string(200'000, 'x'));
    outbound.open_window(1000);
    EXPECT_EQ(text_of(flight), "first");
    outbound.consume(5);
    EXPECT_EQ(outbound.pending_bytes(), 200'000U);
}

TEST(OutboundTest, GathersNoMoreThanThereArePartsFor) {
    runtime::SlabPool pool;
    Outbound outbound(pool);
    outbound.append(std::string(1'000'000, 'x'));
    ASSERT_GT(outbound.slab_count(), 3U);
    std::array<iovec, 3> parts;
    EXPECT_EQ(outbound.gather(parts), 3U);
}

TEST(OutboundTest, ClearingGivesEverySlabBack) {
    runtime::SlabPool pool;
    {
        Outbound outbound(pool);
        outbound.append(std::string(300'000, 'x'));
        outbound.clear();
        EXPECT_EQ(pool.lent_bytes(), 0U);
        outbound.append("again");
    }
    EXPECT_EQ(pool.lent_bytes(), 0U);
}

TEST(OutboundTest, AgreesWithAPlainString) {
    base::Prng prng(5);
    runtime::SlabPool pool;
    Outbound outbound(pool);
    std::string model;
    uint64_t written = 0;
    const auto fresh = [&written](size_t size) {
        std::string text(size, ' ');
        for (char& byte : text) byte = static_cast<char>('a' + written++ % 23);
        return text;
    };
    for (int step = 0; step < 20'000; ++step) {
        const uint32_t choice = prng.below(10);
        if (choice < 3) {
            const std::string text = fresh(prng.below(prng.percent(3) ? 150'000 : 300));
            outbound.append(text);
            model += text;
        } else if (choice < 6) {
            const size_t size = prng.below(prng.percent(10) ? 30'000 : 2000) + 1;
            if (outbound.window() < size) outbound.open_window(size);
            ASSERT_GE(outbound.window(), size);
            const std::string text = fresh(prng.below(static_cast<uint32_t>(size) + 1));
            std::memcpy(outbound.cursor(), text.data(), text.size());
            outbound.advance(text.size());
            model += text;
        } else {
            std::array<iovec, 8> parts;
            const unsigned count = outbound.gather(std::span(parts).first(1 + prng.below(8)));
            const std::string seen = text_of(std::span(parts).first(count));
            ASSERT_EQ(seen, model.substr(0, seen.size()));
            ASSERT_EQ(seen.empty(), model.empty());
            const size_t taken =
                prng.percent(50) ? seen.size()
                                 : prng.below(static_cast<uint32_t>(seen.size()) + 1);
            outbound.consume(taken);
            model.erase(0, taken);
        }
        ASSERT_EQ(outbound.pending_bytes(), model.size());
        ASSERT_EQ(outbound.empty(), model.empty());
    }
    outbound.clear();
    EXPECT_EQ(pool.lent_bytes(), 0U);
}

}  // namespace
}  // namespace nuring::link
