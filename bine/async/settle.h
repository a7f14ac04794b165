// Between a Result and a Promise: for what is computed in one place and awaited in another.
#pragma once

#include <type_traits>

#include "bine/async/deferred.h"

namespace bine {

// What f(arguments...) returned or threw.
template <class F, class... Arguments>
auto result_of(F& f, Arguments&... arguments) noexcept -> Result<std::invoke_result_t<F&, Arguments&...>> {
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<F&, Arguments&...>>) {
            f(arguments...);
            return {};
        } else {
            return f(arguments...);
        }
    } catch (...) {
        return fail(Error::from_current_exception());
    }
}

template <class T>
void settle(Promise<T> promise, Result<T> result) {
    if (!result) {
        std::move(promise).fail(std::move(result.error()));
    } else if constexpr (std::is_void_v<T>) {
        std::move(promise).resolve();
    } else {
        std::move(promise).resolve(std::move(*result));
    }
}

}  // namespace bine
