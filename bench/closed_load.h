// The closed loop: every connection asks again when it has its answer, so the load is as high as the server answers.
#pragma once

#include <cstddef>

#include "kept_connections.h"

namespace bench {

class ClosedLoad final : public KeptConnections {
public:
    using KeptConnections::KeptConnections;

    void start() override {
        asking_ = true;
        for (std::size_t i = 0; i < count(); ++i) ask(i);
    }

    void run_for(double seconds) override {
        const auto end = Clock::now() + to_duration(seconds);
        do turn();
        while (Clock::now() < end);
    }

    void stop() override {
        asking_ = false;
        while (unanswered() > 0) turn();
    }

private:
    void answered(std::size_t index) override {
        if (asking_) ask(index);
    }

    bool asking_ = false;
};

}  // namespace bench
