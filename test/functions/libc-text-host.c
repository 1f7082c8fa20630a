/* SPDX-License-Identifier: Apache-2.0 */
int rt_main(void);

int main(void)
{
	return rt_main();
}
