//! Datagrams made to order.
