// What bine says of itself goes to Python's logging, to the loggers "bine.reactor", "bine.net" and so on.
#pragma once

#include "bine/python/object.h"

namespace bine::python {

// _set_log(function): function(level, area, line) is called with logging's level; None gives the lines back to standard
// error, as is done before the interpreter ends. One for the process.
PyObject* set_log(PyObject* module, PyObject* function);

}  // namespace bine::python
