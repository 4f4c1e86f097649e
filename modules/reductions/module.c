/* What lib/pympi/reductions.py is made of: `_pympi_reductions`.
 * SPDX-License-Identifier: MIT */
#include "modules/reductions/module.h"

#include "modules/reductions/statistics.h"

static int module_exec(PyObject *module)
{
    return PyModule_AddFunctions(module, pr_sums_methods) < 0 ||
                   PyModule_AddFunctions(module, pr_agree_methods) < 0 ||
                   PyModule_AddFunctions(module, pr_statistics_methods) < 0 ||
                   PyModule_AddIntConstant(module, "SUM_BYTES", sizeof(pr_exact)) < 0 ||
                   PyModule_AddIntConstant(module, "LOWEST_BIT", -PR_EXACT_LOW) < 0 ||
                   PyModule_AddIntMacro(module, PR_EXACT_NAN) < 0 ||
                   PyModule_AddIntMacro(module, PR_EXACT_POSITIVE) < 0 ||
                   PyModule_AddIntMacro(module, PR_EXACT_NEGATIVE) < 0
               ? -1
               : 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
    {0, NULL},
};

PyDoc_STRVAR(module_doc, "Exact sums in memory, and of all ranks; use it as pympi.reductions.");

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,      .m_name = "_pympi_reductions", .m_doc = module_doc,
    .m_size = sizeof(pr_state), .m_slots = module_slots,
};

PC_EXPORT PyObject *PyInit__pympi_reductions(void)
{
    return PyModuleDef_Init(&module_def);
}
