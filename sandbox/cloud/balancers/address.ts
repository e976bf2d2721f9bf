/**
 * Where load balancers and their health checks connect from. An address of its own, so that an instance can
 * tell them from everybody else on this machine: the balancer's security group is let in on the target port.
 */
export const BALANCER_ADDRESS = "127.0.0.2";
