//! Services and the proxy.

use std::net::SocketAddr;

use hyper::Method;

use super::{Client, ClientError, escape};
use crate::api::{Service, ServiceList, Socks};

impl Client {
    /// The node's services.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn services(&self) -> Result<ServiceList, ClientError> {
        self.json(Method::GET, "/v1/services", Vec::new()).await
    }

    /// Publishes what listens at an address.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn publish_service(&self, name: &str, to: SocketAddr) -> Result<Service, ClientError> {
        let path = format!("/v1/services/{}?address={}", escape(name), escape(&to.to_string()));
        self.json(Method::PUT, &path, Vec::new()).await
    }

    /// Ends a service.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn end_service(&self, name: &str) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/v1/services/{}", escape(name)), Vec::new()).await.map(|_| ())
    }

    /// The node's SOCKS5 proxy.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn socks(&self) -> Result<Socks, ClientError> {
        self.json(Method::GET, "/v1/socks", Vec::new()).await
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn open_socks(&self, listen: SocketAddr) -> Result<Socks, ClientError> {
        let path = format!("/v1/socks?address={}", escape(&listen.to_string()));
        self.json(Method::PUT, &path, Vec::new()).await
    }

    /// Closes it.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn close_socks(&self) -> Result<(), ClientError> {
        self.send(Method::DELETE, "/v1/socks", Vec::new()).await.map(|_| ())
    }
}
