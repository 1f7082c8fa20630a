/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of /system, by the path behind it. Each takes the call or answers it. name: the last part of the path. */
#ifndef FAAS_API_H
#define FAAS_API_H

#include "api/app.h"

typedef void api_handler(struct app *app, struct call *call, const char *name);

api_handler api_functions_list, api_functions_deploy, api_functions_update, api_functions_remove; /* functions.c */
api_handler api_function, api_scale, api_rollback;						   /* function.c */
api_handler api_info, api_instances, api_instance_end, api_not_here;				   /* system.c */
api_handler api_namespaces, api_namespace;							   /* namespaces.c */
api_handler api_images_list, api_image_remove, api_image_import;				   /* images.c */
api_handler api_secrets_list, api_secrets_create, api_secrets_update, api_secrets_remove;	   /* secrets.c */
api_handler api_core, api_stack;								   /* core.c, stack.c */
api_handler api_logs;										   /* logs.c */

#endif
